# verdict: timeout
while True:
    try:
        raise KeyboardInterrupt
    except BaseException:
        continue
