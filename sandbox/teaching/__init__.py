"""The rules of the sandbox teacher, one file per stage.

They stand in for a model: each is a pure function of what one request shows.  None knows the hub, its
catalogue, or any topic; what a tool is about is read from the documents in the request.
"""
