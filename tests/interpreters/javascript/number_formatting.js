[
  (1234.5678).toFixed(2), (0.000001234).toString(), (1e21).toFixed(2), (255).toString(16), (0.1).toString(3).slice(0, 12), (123.456).toPrecision(4), (1e-7).toFixed(10),
  (12345).toExponential(2), parseInt("12px"), parseInt("0x1f"), parseFloat("3.14abc"), Number(""), Number(" 12 "), Number("1_000"), Number("0b101"), +[], +{}, +[5], Number(null),
  (1.005).toFixed(2), (25).toString(36), 0.1 + 0.2, 1 / 3, 100 / 3, 1e300 * 1e10, -1 / 0, 5 % -3, -5 % 3, 2 ** -1, 7 / 2 | 0, ~~-3.7, -7 >>> 28,
];
