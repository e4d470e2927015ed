"""alor-async: an asyncio-native client for the ALOR Broker API."""
