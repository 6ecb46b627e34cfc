/// Where glibc's converters differ from the indexes of the WHATWG Encoding Standard: the code of the first character
/// in hexadecimal, and the characters from there on.
extension CharacterTables {
    /// ISO 10646's private use is what browsers show for six characters, and a wide space for one.
    static let gb18030Pairs =
        "A3A0\u{3000} FE51\u{E816}\u{E817}\u{E818} FE6C\u{E831} FE76\u{E83B} FE91\u{E855}"

    /// Unihan's variants, Microsoft's symbols and pictures of controls that Big5-HKSCS of glibc leaves out.
    static let big5Pairs = """
        8E69箸 8E6F簆 8E7E糎 8EAB緒 8EB4縝 8ECD者 8ED0耨 8F57菁 8F69蒨 8F6E萏 8FCB覦覩 8FFE起 906D都 907A銹 \
        90DC靜 90F1響 91BF鼖 9244蔃 92AF兙兛兝兞 92C8鍮 92D1瑹 9447浧 94CA禛 95D9邗 9644靝 96ED瀞 96FC嬨 9B76爁 \
        9B78矗 9B7B纇 9BC6駖 9BDE釔 9BEC惞 9BF6澶 9C42輶 9C53侻 9C62營 9C68鄄 9C6B鷰 9C77菏 9CBC尐秣 9CD0婧 \
        9D57輋 9D5A筑 9DC4拐 9EA9恢 9EEF痹 9EFD汊 9F60鬮 9F66鼗 9FCB僭 9FD8弌 A063蠏 A077拎 A0D5瑨 A0DF煢 \
        A0E4牐 A145‧ A14E﹑ A15A╴ A1C2¯￣ A1C5ˍ A1E3～ A1F2⊕⊙ A1FE／ A240＼∕﹨ A244￥ A246￠￡ A2CC十 A2CE卅 \
        A3C0␀␁␂␃␄␅␆␇␈␉␊␋␌␍␎␏␐␑␒␓␔␕␖␗␘␙␚␛␜␝␞␟␡€ C6CF廴 C6D3无 C6D5癶 C6D7隶 C6DE〃仝 FA5F倩 FA66偽 FABD包 \
        FAC5卄 FAD5卿 FB48嘅 FBB8婷 FBF3幵 FBF9廐 FC4F彘 FC6C悤 FCB9撐 FCE2晴 FCF1杞 FDB7沜渝 FDBB港 FDF1煮 \
        FE52猪 FE6F瑜 FEAA瓩 FEDD砉
        """
}
