"""StyleGAN3 on a GPU: constants packed once, a frame as a fixed list of launches, recorded and replayed as one graph.

Nothing here needs a GPU to be imported; what paints is found by `chain`, at start, on the network and machine at hand.
"""
