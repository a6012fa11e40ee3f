"""EnCodec's encoder listening along. Its modules `stream` and `weights` alone hold torch; import them when needed."""
