const re = /(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})/u;
const { year, month, day } = "on 2024-03-09.".match(re).groups;
const swapped = "2024-03-09".replace(re, "$<day>.$<month>.$<year>");
const all = [..."a=1, b=22; c=333".matchAll(/(?<k>\w)=(?<v>\d+)/g)].map((m) => [m.groups.k, +m.groups.v, m.index]);
[year, month, day, swapped, all];
