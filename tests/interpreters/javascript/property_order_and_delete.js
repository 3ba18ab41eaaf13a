const o = {};
for (let i = 0; i < 20; i++) o["k" + i] = i;
for (let i = 0; i < 20; i += 2) delete o["k" + i];
o[5] = "five"; o["-1"] = "minus"; o.k0 = "again";
Object.keys(o);
