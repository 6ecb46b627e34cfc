"""What the oracle asks: selectors a page, as element queries (answered by ids) and as value queries (answered by texts)."""

LIST_ELEMENTS = r"""
*
li
LI
li.item
.item
.ITEM
.item.odd
li.odd.Sold
.sold
#ul
#UL
ul#ul.list
ul > li
ul>li
ul li a
ul > a
li + li
li+li
li ~ li
#li1 ~ li
#li2 + li
h1 + ul
h1 ~ div
h1 ~ div p
div p
div > p
div div p
body div > div p
div div div > p
div > div > div
a[href]
a[rel]
a[rel~=nofollow]
a[rel~="noopener"]
a[rel~="no"]
a[href^="/ad"]
a[href^='https']
a[href$=".html"]
a[href*="ad"]
a[href*='example']
[data-n="3"]
[data-n='1']
[title]
[title=""]
[title^=""]
[title*=""]
[class|=item]
[lang|=en]
[lang|="en-GB"]
[lang|=e]
[data-kind="alpha-beta gamma" i]
[data-kind*="BETA" i]
[data-kind$="GAMMA" i]
[data-kind~="GAMMA" i]
[data-kind="alpha-beta gamma"]
[DATA-N="2"]
li:first-child
li:last-child
li:nth-child(2)
li:nth-child(odd)
li:nth-child(even)
li:nth-child(2n+1)
li:nth-child( 2n + 1 )
li:nth-child(-n+2)
li:nth-child(n+4)
li:nth-child(3n-1)
li:nth-child(0n+3)
li:nth-child(n)
li:nth-child(-2n+5)
li:nth-last-child(1)
li:nth-last-child(2n)
li:nth-last-child(-n+2)
p:first-child
p:last-child
p:only-child
p:first-of-type
p:last-of-type
p:only-of-type
p:nth-of-type(2)
p:nth-of-type(odd)
p:nth-last-of-type(1)
p:nth-last-of-type(2n+1)
h3:only-of-type
:only-child
div:empty
p:empty
:empty
:root
body > :first-child
li:not(.item)
li:not(.odd)
li:not([data-n="2"])
li:not(:first-child)
li:not(.odd, .even)
li:not(.odd):not(.even)
:not(*)
li:is(.odd, .even)
:is(h1, h2, h3)
:where(h1, h2)
:is(ul, article) > :is(li, h3)
li:has(a)
li:has(> a)
li:has(b)
li:has(> b)
li:has(img)
div:has(> p)
div:has(p)
h3:has(+ p)
h3:has(~ p + p)
article:has(h3 + p + p)
li:has(+ li:last-child)
li:has(a[href], span)
div:not(:has(p))
div:has(> div > div)
li:not(:has(a))
article[data-url]
article:not([data-url])
a:link
:any-link
:link
a:not(:link)
:lang(nl)
p:lang(en)
div:lang(en-GB)
:lang(fr)
a:hover
a:visited
:focus
ul, h1
h1, ul, h1
p, em, h2
li.odd a, li.even b
li.item > a.link.hot > b
body.page.main
.page.main > ul.first
div.box.empty, div#d3
p + p
p + h2 + p
h2 ~ p
div:nth-of-type(2) + div
div:nth-child(n+3):nth-child(-n+5)
ul /* list */ > li /* item */
.item/**/.odd
\6c i
li.\69 tem
#l\69 1
article p:nth-of-type(2)
:root > body > article:last-of-type > p
a[href][rel]
img[src][alt="foto"]
*[data-url]
body *
html body ul li a b
div#d4 p
em:only-child
#d1 :nth-last-child(2)
""".strip("\n").split("\n")

FORM_ELEMENTS = r"""
:checked
input:checked
option:checked
:disabled
:enabled
input:enabled
button:not(:disabled)
input[type=radio i]
input[type="text"]
tr:nth-child(2) td
tr > td:last-child
tr.last.row > td[colspan="2"]
th + td
th ~ td
dt + dd
dt:nth-of-type(2) ~ dd
dd:nth-last-of-type(-n+2)
tr:has(td + td)
tr:has(> th:first-child + td:last-child)
td:only-of-type
.café
#ünï
p.naïve
#a\.b\:c
.\31 x
._u
.-d
form > :nth-child(2n)
table tr:not(:last-child) td
script
""".strip("\n").split("\n")

# page, language, each (or None), selector
VALUES = [
    ("list.html", "css", None, "title::text"),
    ("list.html", "css", None, "a::attr(href)"),
    ("list.html", "css", None, "a::text"),
    ("list.html", "css", None, "a"),
    ("list.html", "css", None, "li"),
    ("list.html", "css", None, "#d1 p"),
    ("list.html", "css", None, "#d1 p::text"),
    ("list.html", "css", None, "#d1 *::text"),
    ("list.html", "css", None, "#d1 p, #d1 em"),
    ("list.html", "css", None, "p::text, em::text"),
    ("list.html", "css", None, "a::attr(href), img::attr(src)"),
    ("list.html", "css", None, "a::attr(href), .link::attr(href)"),
    ("list.html", "css", None, "li.even a::attr(class), b::text"),
    ("list.html", "css", None, "article::attr(data-url)"),
    ("list.html", "css", None, "img::attr(alt)"),
    ("list.html", "css", None, "li[title]::attr(title)"),
    ("list.html", "css", None, "#d1::html"),
    ("list.html", "css", None, "li.even::html"),
    ("list.html", "css", None, "#a5::html, #i5::html"),
    ("list.html", "css", None, "h1::html"),
    ("form.html", "css", None, "#c7::html"),
    ("form.html", "css", None, "script::text"),
    ("form.html", "css", None, "script"),
    ("form.html", "css", None, "td"),
    ("form.html", "css", None, "td::text"),
    ("form.html", "css", None, "input::attr(type)"),
    ("list.html", "css", "li", "a"),
    ("list.html", "css", "li", "a::attr(href)"),
    ("list.html", "css", "li", "::attr(data-n)"),
    ("list.html", "css", "li", "::text"),
    ("list.html", "css", "li", "a > b"),
    ("list.html", "css", "li", "ul li"),
    ("list.html", "css", "li", "li"),
    ("list.html", "css", "li", "li a"),
    ("list.html", "css", "div", "div"),
    ("list.html", "css", "div", "p"),
    ("list.html", "css", "div", "div p"),
    ("list.html", "css", "article", "h3, p"),
    ("list.html", "css", "article", "p:nth-of-type(2)"),
    ("list.html", "css", "article", "h3 + p"),
    ("list.html", "css", "article", "article"),
    ("list.html", "css", "article", "body p"),
    ("form.html", "css", "tr", "td:nth-child(2)"),
    ("form.html", "css", "tr", "th::text"),
    ("list.html", "xpath", None, "//li"),
    ("list.html", "xpath", None, "//li/@data-n"),
    ("list.html", "xpath", None, "//a/text()"),
    ("list.html", "xpath", None, "//a/@href | //img/@src"),
    ("list.html", "xpath", None, "//p | //em | //h2"),
    ("list.html", "xpath", None, "//em | //p"),
    ("list.html", "xpath", None, "(//p | //em)[2]"),
    ("list.html", "xpath", None, "(//li)[last()]"),
    ("list.html", "xpath", None, "//li[2]/preceding-sibling::*"),
    ("list.html", "xpath", None, "//p[ancestor::div[@class]]"),
    ("list.html", "xpath", None, "//li[contains(concat(' ', @class, ' '), ' odd ')]"),
    ("list.html", "xpath", None, "/html/head/title"),
    ("list.html", "xpath", None, "./body/h1"),
    ("list.html", "xpath", None, "//comment()"),
    ("list.html", "xpath", None, "string(//h1)"),
    ("list.html", "xpath", None, "normalize-space(//ul)"),
    ("list.html", "xpath", None, "id('li2')/a"),
    ("list.html", "xpath", None, "//div//div//p"),
    ("list.html", "xpath", None, "//nothing"),
    ("list.html", "xpath", "li", "."),
    ("list.html", "xpath", "li", "./a/@href"),
    ("list.html", "xpath", "li", ".//b"),
    ("list.html", "xpath", "li", "/html/head/title"),
    ("list.html", "xpath", "li", "./@data-n"),
    ("list.html", "xpath", "li", "./following-sibling::li[1]/@id"),
    ("list.html", "xpath", "li", "(.//a | .//span)[1]"),
    ("form.html", "xpath", "tr", "./th"),
    ("form.html", "xpath", "dt", "./following-sibling::dd[1]"),
]

# Over every page of Debian's gimp-help-nl (2.10.34): the values of all pages in the order of the file names.
REAL = [
    ("css", "p"),
    ("css", "a::attr(href)"),
    ("css", "div.sect1 > p"),
    ("css", "title::text"),
    ("css", "li p:first-child"),
    ("css", "img::attr(src)"),
    ("css", "h1, h2, h3"),
    ("xpath", "//p"),
    ("xpath", "//a/@href"),
    ("xpath", "//div[@class='titlepage']//h2"),
]
