from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation, getcontext, localcontext

prices = [Decimal("19.99"), Decimal("5.01"), Decimal("0.1")]
out = [
    sum(prices),
    Decimal("2.675").quantize(Decimal("0.01"), ROUND_HALF_UP),
    Decimal("2.665").quantize(Decimal("0.01"), ROUND_HALF_EVEN),
    str(Decimal(1) / Decimal(7)),
    Decimal("1e3") == 1000,
    f"{Decimal('1234567.891'):,.2f}",
    Decimal("2").sqrt(),
]
with localcontext() as context:
    context.prec = 50
    out.append(str(Decimal(2).sqrt()))
try:
    Decimal("x")
except InvalidOperation:
    out.append(getcontext().prec)
out
