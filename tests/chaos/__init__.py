"""Populations that train while everything around them is killed, and checks of what their journals say afterwards."""
