"""From a graph to artefacts on the disk: weights, deploy passes, formats, verification and the sidecar manifest.

Must not know the language, command lines, or how any format is written.
"""
