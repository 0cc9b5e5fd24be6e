"""HTTP toolkit shared by every face and by outgoing requests."""
