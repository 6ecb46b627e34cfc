"""The markup of the test site: listing and advert pages with the chrome of a real market place around them."""

from site_text import escaped

BRANDS = ["Aprilia", "Benelli", "BMW", "Ducati", "Harley-Davidson", "Honda", "Husqvarna", "Kawasaki", "KTM", "Moto Guzzi",
          "MV Agusta", "Piaggio", "Royal Enfield", "Suzuki", "Triumph", "Vespa", "Yamaha", "Zündapp"]
KINDS = ["Toer", "Sport", "Chopper", "Enduro", "Naked bike", "All-road", "Scooter", "Zijspan", "Oldtimer", "Cross",
         "Supermotard", "Trial", "Onderdelen", "Kleding"]


def _head(title):
    return f"""<!DOCTYPE html>
<html lang="nl">
<head>
<meta charset="utf-8">
<title>{escaped(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/static/site.css"><link rel="icon" href="/favicon.ico">
<script>window.dataLayer = window.dataLayer || []; dataLayer.push({{"page": "motoren", "ab": 1 < 2}});</script>
<style>article {{ border-bottom: 1px solid #ccc }} .price {{ font-weight: bold }}</style>
</head>
<body class="nl desktop">
<header><a class="logo" href="/"><img src="/static/logo.png" alt="Markt" width=120 height=40></a>
<form action="/z.html" method="get"><input name="query" type=search placeholder="Zoeken"><button>Zoek</button></form></header>
"""


def _navigation(links):
    """About `links` category links, 62 bytes each: the part of a page that costs a parser its time."""
    rows = []
    for n in range(links):
        brand, kind = BRANDS[n % len(BRANDS)], KINDS[n % len(KINDS)]
        rows.append(f'<li><a href="/l/motoren/{n}/" title="{kind}">{escaped(brand)} <i>{n * 37 % 977}</i></a>')
    return "<nav><ul class=\"categories\">\n" + "\n".join(rows) + "\n</ul></nav>\n"


FOOTER = """<footer><p>Copyright &copy; 2014 Markt. Alle rechten voorbehouden.</p>
<ul><li><a href="/voorwaarden.html">Voorwaarden</a><li><a href="/privacy.html">Privacy</a></ul></footer>
<script src="/static/site.js" async></script>
</body></html>
"""


def listing_page(number, articles, base=None):
    """A listing of `articles`, each `(title, data_url or None, teaser)`; about 30 KiB and 300 links."""
    head = _head(f"Motoren te koop - pagina {number}")
    if base:
        head = head.replace("<title>", f'<base href="{base}"><title>', 1)
    rows = []
    for place, (title, data_url, teaser) in enumerate(articles):
        attribute = "" if data_url is None else f' data-url="{data_url}"'
        rows.append(
            f'<article class="row search-result defaultSnippet" data-place={place}{attribute}>\n'
            f'<h2 class="heading"><a href="/ad/{number}/{place}"><span class="title">{escaped(title)}</span></a></h2>\n'
            f'<div class="listing-image"><img src="/static/m{place}.jpg" alt=""></div>\n'
            f'<p class="teaser">{escaped(teaser)}</p><span class="price">&euro; {place * 125},-</span>\n</article>')
    return head + _navigation(250) + "<main><section>\n" + "\n".join(rows) + "\n</section></main>\n" + FOOTER


def advert_page(title, descriptions):
    """An advert with any number of descriptions; about 20 KiB and 250 links."""
    blocks = "\n".join(f'<div id="vip-ad-description" class="wrapped" tabindex=0>{d}</div>' for d in descriptions)
    return (_head(title) + _navigation(245) + f"<main><h1>{escaped(title)}</h1>\n<table class=\"specs\"><tr><td>Merk"
            f"<td>{escaped(title.split()[0])}<tr><td>Bouwjaar<td>1998</table>\n"
            f'<div id="vip-left-side"><div class="description-head">Beschrijving</div>\n{blocks}\n</div></main>\n' + FOOTER)
