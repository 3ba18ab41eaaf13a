# verdict: output_limit
while True:
    print("flood" * 1000)
