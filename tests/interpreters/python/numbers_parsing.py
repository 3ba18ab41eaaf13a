out = [int("  42 "), int("-0b101", 0), float("1e3"), float("  -inf"), round(3.14159, 2), round(1234, -2), int(3.99), complex("1+2j"), bool("False"), 1_000_000, 0.1 + 0.2 == 0.3, 3 == 3.0, hash(1) == hash(1.0), float.hex(0.5), (0.1).as_integer_ratio(), 1e308 * 10, abs(-0.0), 7 // 2.0, 2**-1, 10 % 3.5]
for text in ("1.5", "abc", ""):
    try:
        out.append(int(text))
    except ValueError as e:
        out.append(str(e))
out
