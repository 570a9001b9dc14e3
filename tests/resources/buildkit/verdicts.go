package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"sync"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

type rec struct {
	mu sync.Mutex
	m  map[string]bool
}

func (r *rec) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.m[ref] = true
	return ref, "", []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}}`), nil
}

func main() {
	var cases []map[string]any
	json.NewDecoder(os.Stdin).Decode(&cases)
	out := []map[string]any{}
	for _, c := range cases {
		r := &rec{m: map[string]bool{}}
		args := map[string]string{}
		if a, ok := c["args"].(map[string]any); ok {
			for k, v := range a {
				args[k] = v.(string)
			}
		}
		ctxst := llb.Local("context")
		caps := pb.Caps.CapSet(pb.Caps.All())
		target, _ := c["target"].(string)
		st, _, _, _, err := dockerfile2llb.Dockerfile2LLB(context.TODO(), []byte(c["text"].(string)), dockerfile2llb.ConvertOpt{
			MetaResolver: r, MainContext: &ctxst, LLBCaps: &caps,
			Config: dockerui.Config{BuildArgs: args, Target: target},
			TargetPlatform: &ocispecs.Platform{OS: "linux", Architecture: "amd64"},
		})
		res := map[string]any{}
		if err != nil {
			res["error"] = err.Error()
		} else {
			def, err := st.Marshal(context.TODO())
			_ = def
			if err != nil {
				res["error"] = "marshal " + err.Error()
			}
			names := []string{}
			for k := range r.m {
				names = append(names, k)
			}
			sort.Strings(names)
			res["images"] = names
		}
		out = append(out, res)
	}
	b, _ := json.Marshal(out)
	fmt.Println(string(b))
}
