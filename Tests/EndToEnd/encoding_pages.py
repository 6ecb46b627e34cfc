"""Pages in many encodings, made by Python's codecs: `{path: (content type, bytes)}`.

What Chromium reads in each is in `encodings_expected.json`, written by `make_encodings_expected.py`.
"""

CHINESE = "天地玄黃 宇宙洪荒 日月盈昃 辰宿列張"
SIMPLIFIED = "天地玄黄 宇宙洪荒 日月盈昃 价格：￥128"
JAPANESE = "いろはにほへと チリヌルヲ 亜細亜 ①㈱ ｶﾞｷﾞ 5円～"
JIS = "いろはにほへと チリヌルヲ 亜細亜"
KOREAN = "다람쥐 헌 쳇바퀴에 타고파 값 12원"
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей чаю"
UKRAINIAN = "Чуєш їх, доцю, га? Кумедна ж ти, прощайся без ґольфів!"
POLISH = "Zażółć gęślą jaźń – „cudzysłów”"
GREEK = "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία"
HEBREW = "דג סקרן שט בים מאוכזב ולפתע מצא חברה"
ARABIC = "صِف خَلقَ خَودِ كَمِثلِ الشَمسِ"
TURKISH = "Pijamalı hasta yağız şoföre çabucak güvendi"
FRENCH = "Dès Noël où un zéphyr haï me vêt de glaçons würmiens"
THAI = "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า"
VIETNAMESE = "Đô la và đồng"
BALTIC = "Glāžšķūņa rūķīši dzērumā čiepj"


def page(text, head=""):
    return f"<!DOCTYPE html><html><head>{head}<title>t</title></head><body><p>{text}</p><p>slot</p></body></html>"


def _meta(label):
    return f'<meta charset="{label}">'


def _by_header():
    """One page a codec, named by the header under a label that is seldom its own name."""
    cases = [
        ("gbk", "gbk", SIMPLIFIED), ("gb2312", "gbk", SIMPLIFIED + "镕"), ("gb18030", "gb18030", SIMPLIFIED + "𠀋ḿ€"),
        ("shift_jis", "cp932", JAPANESE), ("x-sjis", "cp932", JAPANESE + "髙﨑"), ("euc-jp", "euc_jp", JIS),
        ("iso-2022-jp", "iso2022_jp", JIS), ("big5", "cp950", CHINESE), ("big5-hkscs", "big5hkscs", CHINESE + "㗎嘅"),
        ("euc-kr", "cp949", KOREAN + "뷁"), ("windows-1251", "cp1251", RUSSIAN), ("koi8-r", "koi8_r", RUSSIAN),
        ("koi8-u", "koi8_u", UKRAINIAN), ("iso-8859-5", "iso8859_5", RUSSIAN), ("cp866", "cp866", RUSSIAN),
        ("x-mac-cyrillic", "mac_cyrillic", RUSSIAN), ("iso-8859-2", "iso8859_2", "Zażółć gęślą jaźń"),
        ("windows-1250", "cp1250", POLISH), ("iso-8859-7", "iso8859_7", GREEK), ("windows-1253", "cp1253", GREEK),
        ("iso-8859-8", "iso8859_8", HEBREW), ("logical", "iso8859_8", HEBREW), ("windows-1255", "cp1255", HEBREW),
        ("windows-1256", "cp1256", ARABIC), ("iso-8859-6", "iso8859_6", "سلام عليكم"), ("windows-1254", "cp1254", TURKISH),
        ("iso-8859-9", "cp1254", TURKISH + "€"), ("iso-8859-15", "iso8859_15", FRENCH + " œ €"),
        ("latin1", "cp1252", FRENCH + " œ € “citaat”"), ("us-ascii", "cp1252", "één"), ("macintosh", "mac_roman", FRENCH + " œ"),
        ("tis-620", "cp874", THAI + "€"), ("windows-1258", "cp1258", VIETNAMESE.replace("ồ", "ô")), ("windows-1257", "cp1257", BALTIC),
        ("utf-8", "utf-8", "Zündapp 😀 天"), ("utf-16", "utf-16-le", "Zündapp 😀 天"), ("utf-16be", "utf-16-be", "Zündapp 😀 天"),
        ("utf-16le", "utf-16-le", "Zündapp 😀 天"),
    ]
    return {f"/header-{label}.html": (f"text/html; charset={label}", page(text).encode(codec)) for label, codec, text in cases}


def _by_meta():
    pragma = '<meta http-equiv="Content-Type" content="text/html; charset=%s">'
    filler = "<!-- " + "x" * 1100 + " -->"
    def made(head, codec, text, kind="text/html"):
        return kind, page(text, head).encode(codec)
    return {
        "/meta-gb2312.html": made(_meta("gb2312"), "gbk", SIMPLIFIED),
        "/meta-shift-jis.html": made(pragma % "Shift_JIS", "cp932", JAPANESE),
        "/meta-1251.html": made(pragma % "windows-1251", "cp1251", RUSSIAN),
        "/meta-utf-16.html": made(_meta("utf-16"), "utf-8", "één 天"),
        "/meta-user-defined.html": made(_meta("x-user-defined"), "cp1252", "één €"),
        "/meta-in-comment.html": made("<!-- " + _meta("koi8-r") + " -->" + _meta("windows-1251"), "cp1251", RUSSIAN),
        "/meta-in-title.html": made("<title><meta charset=koi8-r></title>" + _meta("windows-1251"), "cp1251", RUSSIAN),
        "/meta-unknown-then-known.html": made(_meta("klingon") + _meta("windows-1251"), "cp1251", RUSSIAN),
        "/meta-odd-spelling.html": made("<META content='text/html;CharSet = windows-1251 ;x' HTTP-EQUIV=content-TYPE / >", "cp1251", RUSSIAN),
        "/header-beats-meta.html": made(_meta("utf-8"), "cp1251", RUSSIAN, "text/html; charset=windows-1251"),
        "/header-quoted.html": made(_meta("utf-8"), "cp1251", RUSSIAN, "text/html; charset='windows-1251'"),
        "/header-unknown.html": made(_meta("windows-1251"), "cp1251", RUSSIAN, "text/html; charset=klingon"),
        "/meta-late-in-head.html": made(filler + _meta("windows-1251"), "cp1251", RUSSIAN),
        "/meta-at-1024.html": made("x".join(["<!-- ", *[""] * 960, " -->"]) + _meta("windows-1251"), "cp1251", RUSSIAN),
        "/meta-late-in-body.html": ("text/html", page("één " + filler + _meta("windows-1251")).encode("cp1252")),
        "/meta-early-in-body.html": ("text/html", page(_meta("windows-1251") + RUSSIAN).encode("cp1251")),
        "/xml-declaration.html": ("text/html", ("<?xml version='1.0' encoding='windows-1251'?>" + page(RUSSIAN)).encode("cp1251")),
        "/xml-declaration-and-meta.html": ("text/html", ("<?xml version='1.0' encoding='koi8-r'?>" + page(RUSSIAN, _meta("windows-1251"))).encode("cp1251")),
        "/xhtml.xhtml": ("application/xhtml+xml", ("<?xml version='1.0' encoding='windows-1251'?>" + _xhtml(RUSSIAN)).encode("cp1251")),
        "/xhtml-plain.xhtml": ("application/xhtml+xml", _xhtml("één 天").encode("utf-8")),
        "/xhtml-meta.xhtml": ("application/xhtml+xml", ("<?xml version='1.0' encoding='windows-1251'?>" + _xhtml(RUSSIAN, '<meta charset="koi8-r"/>')).encode("cp1251")),
    }


def _xhtml(text, head=""):
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><head>{head}<title>t</title></head><body><p>{text}</p><p>slot</p></body></html>'


def _by_mark():
    return {
        "/mark-utf-8.html": ("text/html", page("één 天").encode("utf-8-sig")),
        "/mark-utf-8-beats-header.html": ("text/html; charset=windows-1252", page("één 天", _meta("koi8-r")).encode("utf-8-sig")),
        "/mark-utf-16le.html": ("text/html", "\ufeff".encode("utf-16-le") + page("één 天 😀").encode("utf-16-le")),
        "/mark-utf-16be.html": ("text/html; charset=utf-8", "\ufeff".encode("utf-16-be") + page("één 天 😀").encode("utf-16-be")),
        "/mark-beats-other-utf-16.html": ("text/html; charset=utf-16be", "\ufeff".encode("utf-16-le") + page("één 天").encode("utf-16-le")),
        "/fallback.html": ("text/html", page("één “citaat” €").encode("cp1252")),
        "/replacement-kr.html": ("text/html; charset=iso-2022-kr", page("een").encode("ascii")),
        "/replacement-hz.html": ("text/html", page("een", _meta("hz-gb-2312")).encode("ascii")),
        "/user-defined.html": ("text/html; charset=x-user-defined", page("een ").encode("ascii").replace(b"een", bytes(range(128, 256)))),
    }


# What is malformed in each encoding, between letters that must survive; `<b>` must stay markup behind half a character.
MALFORMED = {
    "utf-8": [b"\xff", b"\xc0\x80", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x28\xa1", b"\xf8\x88\x80\x80\x80", b"\xc3<b>x</b>"],
    "gb18030": [b"\x80", b"\xff", b"\x81", b"\x81\x30", b"\x81\x30\x81", b"\x81\x30\x81\x7f", b"\x84\x31\xa5\x30", b"\xfe\x39\xfe\x39", b"\xa1<b>x</b>", b"\x81\x7f"],
    "big5": [b"\x80", b"\xff", b"\x81\x40", b"\xa1", b"\xa4<b>x</b>", b"\xfe\xff"],
    "shift_jis": [b"\x80", b"\xa0", b"\xfd", b"\x81", b"\x81\x7f", b"\x85\x40", b"\xf0\x40", b"\x83<b>x</b>", b"\\~", b"\xfc\x4c"],
    "euc-jp": [b"\x80", b"\xff", b"\x8e", b"\x8e\xe0", b"\x8f\xa1", b"\x8f\xa2\xaf", b"\x8f\xa1\xa1", b"\xa9\xa1", b"\xa4<b>x</b>", b"\xf5\xa1"],
    "euc-kr": [b"\x80", b"\xff", b"\xc9\xa1", b"\xb0", b"\xb0<b>x</b>", b"\xb0\x5b", b"\xfe\xfe"],
    "iso-2022-jp": [b"\x80", b"\x0e", b"\x1b", b"\x1b(", b"\x1b(X", b"\x1b(B\x1b(B", b"\x1b$B\x1b(B", b"\x1b$B\x25\x1b(B", b"\x1b$B\x25\n\x1b(B", b"\x1b(J\\~\x1b(B", b"\x1b(I\x31\x7f\x1b(B"],
    "utf-16le": [b"\x00\xd8", b"\x00\xdc", b"\x3d\xd8\x41\x00", b"\x00\xd8\x00\xd8\x00\xdc"],
    "windows-1252": [bytes(range(0x80, 0xa0))],
    "windows-874": [bytes(range(0x80, 0xa0)), b"\xdb\xfc\xff"],
    "windows-1253": [bytes(range(0x80, 0xa0)), b"\xaa\xd2\xff"],
    "iso-8859-8": [bytes(range(0x80, 0xa0)), b"\xa1\xbf\xfb"],
    "koi8-u": [b"\xae\xbe"], "macintosh": [b"\xc6\xf0\xdb"], "x-mac-cyrillic": [b"\xff"], "windows-1255": [b"\xca\xd9"],
}


def _malformed():
    pages = {}
    for label, pieces in MALFORMED.items():
        wide = label.startswith("utf-16")
        def ascii_(text):
            return text.encode("utf-16-le" if wide else "ascii")
        body = b"".join(ascii_("<p>a") + piece + ascii_("z</p>") for piece in pieces)
        pages[f"/malformed-{label}.html"] = (f"text/html; charset={label}", ascii_("<!DOCTYPE html><body>") + body + ascii_("<p>slot</p>"))
        if wide:  # Chromium passes over half a unit at the end; the standard says U+FFFD.
            continue
        # The last character is cut off.
        pages[f"/cut-{label}.html"] = (f"text/html; charset={label}", ascii_("<!DOCTYPE html><body><p>a") + pieces[-1 if label == "utf-8" else 0][:3])
    return pages


def pages():
    return {**_by_header(), **_by_meta(), **_by_mark(), **_malformed()}
