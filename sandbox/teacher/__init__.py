"""The sandbox's stand-in for a model: rules behind an OpenAI-compatible endpoint.

server, protocol, batches, faults: the endpoint.  prompts: what a request asks for; documents, values,
observations: what it shows.  rules: the rule of each stage; writing, searching, judging and compress: the
rules.  None knows the hub, its catalogue or any topic.
"""

from sandbox.teacher.faults import TeacherFaults
from sandbox.teacher.server import build_teacher

__all__ = ["TeacherFaults", "build_teacher"]
