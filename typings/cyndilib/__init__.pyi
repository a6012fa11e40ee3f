# What the NDI sink uses of cyndilib 0.1.3, which ships stubs but no py.typed; tests/sinks/test_ndi.py holds it to them.
