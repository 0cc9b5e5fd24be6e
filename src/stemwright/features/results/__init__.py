"""What jobs leave: files in storage, under keys that name the job and the attempt."""
