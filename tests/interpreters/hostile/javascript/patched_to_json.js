// verdict: ok
// value: ["forged",["forged"]]
Object.prototype.toJSON = () => "forged";
[{}, [{}]].map((x) => x) && [{ a: 1 }, [{}]];
