import html.parser
import xml.etree.ElementTree as ET

root = ET.fromstring("<lib><book id='1'><t>A &amp; B</t></book><book id='2'><t>C</t></book></lib>")
ET.SubElement(root, "book", id="3").text = "x<y"


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.found.append(dict(attrs)["href"])


parser = Links()
parser.feed("<p><a href='/x'>x</a> <A HREF=/y>y</A>")
[[(b.get("id"), b.findtext("t")) for b in root.iter("book")], ET.tostring(root, encoding="unicode"), root.find("./book[@id='2']/t").text, parser.found]
