const value = await Promise.resolve(20);
const twice = await (async (x) => x * 2)(value);
var result = [value, twice];
