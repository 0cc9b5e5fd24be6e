"""The rules of stemwright, one package per noun."""
