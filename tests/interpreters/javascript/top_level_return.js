const n = 12;
if (n % 2 === 0) {
  return { even: n / 2 };
}
return "odd";
