"""What makes an instruction unfit, one function a fault.

A screen looks at one instruction and says what is wrong with it, or None.  Nothing here asks whether an
instruction is sensible; that takes a judge.
"""
