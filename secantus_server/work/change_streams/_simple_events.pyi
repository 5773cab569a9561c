from secantus_server.oplog.resume_tokens import Token

class LastEvent:
    token_text: str
    parsed_token: Token | None
    resume_text: str | None

def simple_event(entry: bytes, stamp: int) -> tuple[bytes, str, bytes] | None: ...
