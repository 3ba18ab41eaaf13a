import csv
import io

text = 'name,amount\n"Smith, J",10\nDoe,"2\n3"\n'
rows = list(csv.DictReader(io.StringIO(text)))
out = io.StringIO()
writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL)
writer.writerows([["a", 'say "hi"'], [1, "x,y"], [None, 2.5]])
[rows, out.getvalue(), list(csv.reader(["a|b|'c|d'"], delimiter="|", quotechar="'")), csv.Sniffer().sniff("a;b;c\n1;2;3").delimiter]
