"""The models on this machine, as whoever runs the service sees and changes them."""
