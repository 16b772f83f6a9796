"""Odd bytes on Kafka's wire, written by hand: no client's kindness comes between."""
