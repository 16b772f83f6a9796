"""The operators' pages: rendered here, readable without JavaScript, changing nothing by themselves.

What is changed through them goes out as facts and commands on Kafka.
"""
