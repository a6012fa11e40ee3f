"""OSCQuery: the table of addresses over HTTP and JSON, values over WebSocket, found by zeroconf."""
