"""How buckets are delivered to browsers and strangers: CORS, referer, payer, website, traffic.

Each module reads one setting and decides about one request, purely and with a reason; ``passage``
collects what they say about a request on its way through ``server``.
"""
