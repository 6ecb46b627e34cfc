"""What the selectors are asked: pages, hand-made and from Debian's packages, and CSS and XPath for all of them."""

import pathlib

HTML = "text/html; charset=utf-8"
XHTML = "application/xhtml+xml; charset=utf-8"
XML = "application/atom+xml; charset=utf-8"

NASTY = {
    "plain": (HTML, """<!DOCTYPE html><html lang="nl"><head><title>Lijst &amp; meer</title><meta charset="utf-8">
<base href="http://example.test/map/"><link rel="stylesheet" href="a.css"></head><body class="page main">
<h1 id="top" class="a b">Één</h1><ul id="list" class="list x"><li class="item a" data-n="1"><a href="/1" rel="nofollow noopener">een</a></li>
<li class="item b" data-n="2" title="">twee <b>vet</b> en <i>schuin</i></li><li class="item a last" data-n="3">drie</li></ul>
<p>Tekst <em>een</em> staart</p><p class="">leeg</p><p></p><p> </p><p><!-- c --></p><div><div><p>diep</p></div></div>
<img src="a b.png" alt="een &quot;foto&quot;"><br><hr><input type="checkbox" checked><input disabled></body></html>"""),
    "tables": (HTML, """<html><body><table id=o><tr><td>1<table id=i><tr><td>a<td>b<tr><td>c</table><td>2<tr><td>3
</table><table><caption>k</caption><thead><tr><th>h<tbody><tr><td>x</td><td></td></tr></tbody><tfoot><tr><td>f</table>
<table><tr><td>los</table><p>na</p></body></html>"""),
    "unclosed": (HTML, """<body><p>een<p>twee <b>vet<p>drie</b> vier<ul><li>a<li>b<ul><li>c</ul><li>d</ul><div>x<span>y<div>z</span>w
<dl><dt>t<dd>d<dt>u<dd>e</dl><select><option>1<option selected>2</select><a href=a>b<a href=c>d</a><p>einde"""),
    "upper": (HTML, """<HTML><BODY CLASS="A a"><DIV ID="Main" DATA-X="Y" Class="Foo BAR">Groot<P TITLE='Q'>p</P></DIV>
<IMG SRC="x.GIF" ALT=k><A HREF="/Q" REL=NoFollow>q</A><INPUT TYPE=CHECKBOX CHECKED></BODY></HTML>"""),
    "attributes": (HTML, """<body><p id=a id=b class='x' class='y'>dubbel</p><p ID=c>c</p><p id=c>nogmaals c</p>
<input disabled value><option selected><a href>leeg</a><a href="">ook</a><a href=" /x y ">ruimte</a><a name=n>n</a>
<p class="  een
 twee\tdrie ">klassen</p><p data-json='{"a": "b&amp;c", "d": [1, 2]}' x:y="z" onclick="f('x', &quot;y&quot;)">j</p>
<p title="a<b>c" lang=en-GB>&lt;</p><p title='"enkel"'>'</p><p style=a:b;c=d>s</p></body>"""),
    "entities": (HTML, """<title>&eacute;&#233;&#xE9; &copy; &zzz; &amp;amp;</title><body><p title="&lt;&amp;&gt;&quot;&#39;">&lt;b&gt; &amp; &quot;q&quot; &nbsp;|
&hellip; &euro; &#x20AC; &#128512;</p><p>a&nbsp;b</p><p>AT&T x</p><a href="?a=1&b=2&amp;c=3">q</a><pre>
 regel
  twee</pre><textarea> t &lt;b>
</textarea></body>"""),
    "scripts": (HTML, """<head><script>if (a < b && c > d) { x("<p>nee</p>"); }</script><style>p > a { content: "<" }</style></head>
<body><p>ja</p><script type="application/ld+json">{"@type": "Offer", "price": "1 < 2"}</script><noscript><p>geen</p></noscript>
<iframe src=x>y</iframe><!-- <p>weg</p> --><!----><!-- - --><p>na</p></body>"""),
    "foreign": (HTML, """<body><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><g id="g"><path d="M0 0"/></g><text>t</text></svg>
<math><mi>x</mi></math><x-tag foo>eigen</x-tag><fb-like href="l">fb</fb-like><article><section><header>h</header><p>s</p></section></article>
<p xml:lang="fr">fr</p><video src=v controls></video></body>"""),
    "nested": (HTML, "<body>" + "<div class='d'><p>x</p>" * 30 + "<span>kern</span>" + "</div>" * 30 + "</body>"),
    "siblings": (HTML, "<body><ul>" + "".join(
        f"<li class='{'abc'[n % 3]}' data-n={n}>{n}</li>" + ("<li-x>s</li-x>" if n % 7 == 0 else "") for n in range(60))
        + "</ul><dl>" + "<dt>t</dt><dd>d</dd><dd>e</dd>" * 9 + "</dl></body>"),
    "numbers": (HTML, """<body><i>1</i><i> 2.5 </i><i>-3</i><i>.5</i><i>5.</i><i>1e3</i><i>+4</i><i>x</i><i></i><i>1 2</i><i>0.1</i><i>0.2</i>
<u>10</u><u>9</u><u>1000000</u><u>12345.678</u><s>abcabc</s><s>äöü€😀</s><s>  veel   ruimte
 hier </s></body>"""),
    "empty": (HTML, "<html><head></head><body></body></html>"),
    "text": (HTML, "<p>alleen tekst"),
    "xhtml": (XHTML, """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>X &amp; Y</title></head><body><Div id="D">groot</Div><div id="d" class="a b">klein<br/>
<p/><p>een <em>twee</em> drie</p></div><ul><li class="item" data-n="1">a</li><li class="item last" data-n="2">b</li></ul>
<svg xmlns="http://www.w3.org/2000/svg"><g/><text>t</text></svg><a href="a?b&amp;c" title="&lt;&quot;">q</a><?pi x?><!-- c --></body></html>"""),
    "feed": (XML, """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/" xml:lang="nl"><title type="html">Nieuws &amp; &lt;b>meer&lt;/b></title>
<Link href="/a?b=1&amp;c=2"/><entry id="e1"><title>Eén</title><dc:creator role='x "y"'>Jan</dc:creator><p class="a b">t <em>u</em></p></entry>
<entry id="e2"><title/><content><![CDATA[<p>in CDATA & zo</p>]]></content><?pi y?><!-- c --><p>2</p><p>3</p></entry></feed>"""),
}

# Paths of real pages that Debian's packages install (Scripts/bootstrap test).
REAL = [
    "/usr/share/gimp/2.0/help/nl/index.html",
    "/usr/share/gimp/2.0/help/nl/gimp-concepts-brushes.html",
    "/usr/share/gimp/2.0/help/nl/gimp-tool-move.html",
    "/usr/share/doc/python3.11/html/library/json.html",
    "/usr/share/doc/python3.11/html/reference/lexical_analysis.html",
    "/usr/share/doc/python3.11/html/genindex-B.html",
    "/usr/share/doc/debian/FAQ/nl/choosing.nl.html",
    "/usr/share/doc/debian/FAQ/nl/compatibility.nl.html",
]

CSS = r"""
*
p
P
li
div
div p
div > p
body > *
ul > li
li + li
li ~ li
h1 + p
h1 ~ p
dt + dd
dt ~ dd
dd + dd
p + p + p
li ~ li ~ li
div div div p
#list
#c
#Main
#main
.item
.a
.A
.a.b
.item.last
li.item.a
body.page
[title]
[title=""]
[data-n]
[data-n="2"]
[data-n='1']
[class~="a"]
[class~=twee]
[class^="it"]
[class$="st"]
[class*="te"]
[lang|=en]
[href^="/"]
[href$=".html"]
[href*="#"]
a[href][rel]
a:not([href])
[HREF]
input[type=checkbox]
:first-child
:last-child
:only-child
:first-of-type
:last-of-type
:only-of-type
li:nth-child(2)
li:nth-child(odd)
li:nth-child(even)
li:nth-child(3n+1)
li:nth-child(-n+3)
li:nth-child(n+2):nth-child(-n+5)
li:nth-last-child(2)
li:nth-last-child(2n+1)
p:nth-of-type(2)
p:nth-of-type(2n)
p:nth-last-of-type(1)
dd:nth-last-of-type(odd)
td:nth-child(2)
p:empty
:empty
:root
:root > body
:not(p)
p:not(.a)
li:not(:first-child)
li:not(.a):not(.b)
:is(h1, h2, h3)
:is(ul, dl) > :is(li, dt)
:where(td, th)
li:not(.a, .b)
div:has(p)
div:has(> p)
p:has(em, b)
li:has(a)
h1:has(+ ul)
p, li, h1
li, li.a, ul > li
a:link
:checked
:disabled
input:enabled
option
table table td
tr:first-child > td
section p, article > section
li.a + li.b ~ li.c
ul *:nth-child(3n)
body :not(div):not(p):not(li)
p::text
li::text
a::text
div::text
*::text
::text
title::text
script::text
td::text
a::attr(href)
a::attr(title)
p::attr(class)
*::attr(id)
::attr(lang)
img::attr(src)
li::attr(data-n)
p::attr(data-json)
a::attr(href), img::attr(src)
p::text, li::text
p::html
a::html
li::html
table::html
ul::html
svg::html
body::html
html::html
title::html
img::html
input::html
script::html
pre::html
h1::html
""".strip("\n").split("\n")

XPATH = r"""
//p
//P
//*
/html/body
/html/body/*
//li/a
//div//p
//div/p[1]
(//p)[1]
(//p)[last()]
(//li)[position() <= 3]
//li[1]
//li[last()]
//li[position() = 2]
//li[position() mod 2 = 1]
//li[2]/preceding-sibling::*
//li[2]/following-sibling::li
//li[last()]/preceding-sibling::li[1]
//p/ancestor::*
//p/ancestor::div[1]
//span/ancestor-or-self::*
//p/following::p
//p/following::*[1]
//p/preceding::*
//p/preceding::p[1]
//p/preceding-sibling::*[1]
//em/parent::*
//em/..
//td/../..
//p/descendant::*
//div/descendant-or-self::div
//p/self::p
//*[self::p or self::li]
//li/@*
//@href
//@class
//a/@href | //img/@src
//p | //li | //h1
//li | //p/em | //ul
//p/text()
//text()
//li//text()
//text()[normalize-space()]
//comment()
//processing-instruction()
//node()
//body/node()
//*[@id]
//*[@id = 'c']
//*[@class = 'item a']
//*[contains(@class, 'a')]
//*[contains(concat(' ', normalize-space(@class), ' '), ' a ')]
//*[starts-with(@href, '/')]
//a[not(@href)]
//*[@title and @lang]
//*[@title or @class]
//*[not(*)]
//*[not(node())]
//p[em]
//p[em or b]
//div[p][div]
//div[count(p) > 0]
//ul[count(li) > 3]/li[count(preceding-sibling::li) = 3]
//*[string-length(.) = 1]
//*[string-length() > 20]
//p[. = 'x']
//p[text() = 'p']
//*[normalize-space(.) = 'drie']
//li[. = //li]
//li[. != //p]
//li[@data-n > 10]
//li[@data-n >= 2 and @data-n <= 3]
//li[number(@data-n) = 3]
//li[@data-n = 3]
//i[. > 1]
//i[. < //u]
//u[. > //i]
//i[number() = number()]
//*[name() = 'p']
//*[local-name() = 'text']
//*[substring(name(), 1, 1) = 'd']
//s[translate(., 'abc', 'AB') = 'ABAB']
//*[lang('en')]
//*[position() = last()]
//*[last() > 2]
//ul/*[position() = last() - 1]
//p[position() > 1][1]
//*[self::li][2]
id('c')
id('top list')
id(//@id)
//li[1]/a/@href
//table//table//td
//td[table]
//tr[2]/td[1]
//td[not(ancestor::table/ancestor::table)]
//dt/following-sibling::dd[1]
//dd[preceding-sibling::*[1][self::dt]]
//*[@*]
//*[count(@*) > 1]
//*[@*[. = 'x']]
//*[../@id]
//*[../../ul]
//p[following::table]
//a[ancestor::li]
/descendant::p[2]
/descendant-or-self::*[3]
//div[.//span]
//div[not(.//table)][1]
//p[1] | //p[2]
//li[boolean(@title)]
//*[true()][false()]
//*[floor(count(*) div 2) = 1]
//*[ancestor::*[@id]]
//*[namespace-uri() = '']
(//li | //p)[3]
(//li/a)[1]/@href
(//div)[2]//p
//p[string()]
//ul/li[position() > last() - 2]
//*[count(ancestor::*) = 3]
//*[count(.//*) = 0 and text()]
""".strip("\n").split("\n")

# Values that are not nodes; parsel gives these as numbers of Python, so lxml is asked for string(…) of them.
XPATH_VALUES = r"""
count(//*)
count(//p) * 2 + 1
count(//p) div 3
count(//*) mod 7
- count(//p)
sum(//i[number() = number()])
sum(//u)
string(//p)
string(//li[2]/@data-n)
string(//nothing)
string-length(//s[2])
substring(//s[2], 2, 3)
substring('12345', 1.5, 2.6)
substring('12345', 0, 3)
substring('12345', 2)
substring('12345', -42, 1 div 0)
substring('12345', 0 div 0, 3)
substring-before(//s[1], 'ca')
substring-after(//s[1], 'ca')
substring-before('a', '')
substring-after('a', '')
translate('bar', 'abc', 'AB')
translate('äöü€', 'ö€', 'oe')
concat('a', 1, true(), //s[1])
normalize-space(//s[3])
normalize-space('  a  b ')
name(//*[last()])
local-name(//@class)
starts-with('abc', 'ab')
starts-with('abc', '')
contains('abc', 'bc')
contains('', '')
boolean(//p)
boolean('false')
not(//p)
1 = 1.0
'a' = 'b'
//p = //li
//i > //u
//i != //i
true() > false()
1 < 2 < 3
round(2.5)
round(-2.5)
round(-0.2)
floor(-2.5)
ceiling(2.1)
0.1 + 0.2
1 div 3
2 div 0
-1 div 0
0 div 0
5 mod 2
-5 mod 2
1.5 mod 0.5
number('x')
number(' 12 ')
number(true())
number(//i[2])
123456789
0.00012
1 or 0 and 0
2 + 3 * 4 - 1
--3
string(1 = 1)
""".strip("\n").split("\n")


def real_pages():
    return {path.rsplit("/", 1)[1]: (HTML, pathlib.Path(path).read_bytes()) for path in REAL}


def pages():
    """Name: (content type, bytes)."""
    return {name: (kind, body.encode()) for name, (kind, body) in NASTY.items()} | real_pages()
