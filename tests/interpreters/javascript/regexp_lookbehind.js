[
  "$12 €34 $56".match(/(?<=\$)\d+/g),
  "price: 100 cost: 200".replace(/(?<!cost: )\b\d+/g, "X"),
  "1234567.891".replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ","),
  "aBcDe".split(/(?=[A-Z])/),
];
