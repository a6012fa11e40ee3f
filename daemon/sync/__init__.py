"""Several daemons as one wall of screens: a leader says what is shown and when, followers show it at that moment.

What goes over the network is the latent itself, frame by frame, with the leader's time at which it is due; so a
follower needs no sound, no mapper and no history to show the same picture, whatever the leader plays.
"""
