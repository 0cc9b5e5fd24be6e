"""Who uses the service, and the API keys they use it with."""
