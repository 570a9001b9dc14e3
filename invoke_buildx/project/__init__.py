"""What the files of a project say; no process and no socket is opened here."""
