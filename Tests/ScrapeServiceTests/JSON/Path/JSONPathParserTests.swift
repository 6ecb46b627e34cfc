import Testing

@testable import ScrapeService

/// What is a query and what is none (RFC 9535 §2), and where a mistake is.
@Suite struct JSONPathParserTests {
    @Test(arguments: [
        // §2.2, §2.5.1: the root, names and wildcards behind dots and in brackets.
        "$", "$.a", "$.a.b", "$.*", "$['a']", "$[\"a\"]", "$[*]", "$._a", "$.a1", "$.é", "$.😀", "$ .a",
        "$\n[0]\t.b",
        "$[ 'a' ]", "$['a','b',0,*]", "$['']", "$['a'][0]['b']",
        // §2.3.1.1: strings.
        #"$['\'']"#, #"$["\""]"#, #"$['"']"#, #"$["'"]"#, #"$['\b\f\n\r\t\/\\']"#, #"$['\u00e9']"#,
        #"$['\uD83D\uDE00']"#, "$['\u{7F}']",
        // §2.3.3, §2.3.4: indices and slices.
        "$[0]", "$[-1]", "$[9007199254740991]", "$[-9007199254740991]", "$[:]", "$[::]", "$[1:]", "$[:2]",
        "$[1:2:3]",
        "$[::-1]", "$[1 : 2 : 3]", "$[1:2:0]", "$[::,0]",
        // §2.5.2: descendants.
        "$..a", "$..*", "$..[0]", "$..['a','b']", "$.a..b..c", "$..[?@.a]",
        // §2.3.5: filters.
        "$[?@]", "$[?@.a]", "$[? @.a ]", "$[?!@.a]", "$[?! @.a]", "$[?(@.a)]", "$[?!(@.a)]", "$[?((@.a))]",
        "$[?@.a&&@.b||@.c]", "$[?@.a == 1]", "$[?@.a!='x']", "$[?@['a']<@['b']]", "$[?@.a>=-0]", "$[?1==1]",
        "$[?@.a==1.5e-3]", "$[?@.a==-0.0]", "$[?@.a==1E+2]", "$[?true==@.a]", "$[?null!=@]",
        "$[?$.a==@.b[-1]]",
        "$[?@[?@.a]]", "$[?@.a,?@.b]", "$[?@..a]", "$[?$]", "$[?@ .a == 1]",
        // §2.4: functions.
        "$[?length(@.a)>1]", "$[?length('a')==1]", "$[?count(@.*)==1]", "$[?value(@..a)=='b']",
        "$[?match(@.a,'b')]",
        "$[?!search( @.a , 'b' )]", "$[?match(@.a,$.pattern)]", "$[?length(value(@..a))==1]",
        "$[?search(value(@..a),'x')&&count(@)==1]",
    ])
    func aQueryIsRead(_ source: String) throws {
        _ = try JSONPath(source)
    }

    @Test(arguments: [
        ("", 0), ("a", 0), (" $", 0), ("$ ", 1), ("@", 0), ("$a", 1), ("$.", 2), ("$. a", 2), ("$.1", 2),
        ("$.-a", 2),
        ("$...a", 3), ("$..", 3), ("$.. a", 3), ("$[", 2), ("$[]", 2), ("$[0", 3), ("$['a'", 5), ("$['a]", 2),
        ("$[a]", 2),
        ("$['a',]", 6), ("$[,'a']", 2), ("$.a b", 3), ("$\u{A0}.a", 1), ("$.&", 2), ("$.'a'", 2),
        (#"$['\x']"#, 3), (#"$['\"']"#, 3), (#"$["\'"]"#, 3), (#"$['\u12']"#, 3), (#"$['\uD800']"#, 3),
        (#"$['\uDC00']"#, 3), (#"$['\uD800\u0041']"#, 3), ("$['\u{1}']", 3), ("$['\n']", 3),
        ("$[01]", 2), ("$[-0]", 2), ("$[+1]", 2), ("$[1.0]", 3), ("$[1e1]", 3), ("$[-]", 3),
        ("$[9007199254740992]", 2),
        ("$[1:9007199254740992]", 4), ("$[1:2:-9007199254740992]", 6), ("$[1:2:3:4]", 7), ("$[1:01]", 4),
        ("$[::-0]", 4),
        ("$[?]", 3), ("$[?@.a=1]", 6), ("$[?@.a===1]", 8), ("$[?@.a==]", 8), ("$[?==1]", 3),
        ("$[?@.a&@.b]", 6),
        ("$[?@.a|@.b]", 6), ("$[?(@.a]", 7), ("$[?@.a)]", 6), ("$[?!@.a==1]", 3), ("$[?@.a==1==2]", 9),
        ("$[?1]", 3),
        ("$[?'a']", 3), ("$[?true]", 3), ("$[?null]", 3), ("$[?@.*==1]", 3), ("$[?@..a==1]", 3),
        ("$[?1==@[0:1]]", 6),
        ("$[?@['a','b']==1]", 3), ("$[?@[?@.a]==1]", 3), ("$[?@.a==True]", 8), ("$[?@.a==nul]", 8),
        ("$[?@.a==.5]", 8),
        ("$[?@.a==1.]", 10), ("$[?@.a==01]", 8), ("$[?@.a==1e]", 10), ("$[?@.a==[1]]", 8), ("$[?@.a=={}]", 8),
        ("$[?length(@.a)]", 3), ("$[?length()>1]", 10), ("$[?length(@.*)>1]", 10),
        ("$[?length(@.a,@.b)>1]", 13),
        ("$[?length (@.a)>1]", 3), ("$[?count(1)>1]", 9), ("$[?count('a')>1]", 9), ("$[?count(@.a,1)>1]", 12),
        ("$[?count(@.a)]", 3), ("$[?value(@.a)]", 3), ("$[?value(1)==1]", 9), ("$[?match(@.a)]", 12),
        ("$[?match()]", 9),
        ("$[?match(@.a,'b')==true]", 3), ("$[?true==search(@.a,'b')]", 9), ("$[?match(@.*,'b')]", 9),
        ("$[?match(@.a,'b','c')]", 16), ("$[?length(match(@.a,'b'))==1]", 10), ("$[?nothing(@.a)]", 3),
        ("$[?Length(@.a)>1]", 3), ("$[?count(length(@.a))==1]", 9), ("$[?@.a == 'b]", 10),
    ])
    func aMistakeIsToldWithItsPlace(_ source: String, _ offset: Int) {
        let error = #expect(throws: JSONPathError.self) { try JSONPath(source) }
        #expect(error?.offset == offset, "\(error?.message ?? "")")
        #expect(error?.message.isEmpty == false)
    }

    @Test func nestingAndLengthAreBounded() {
        let deep =
            "$[?" + String(repeating: "(", count: 5000) + "@" + String(repeating: ")", count: 5000) + "]"
        #expect(throws: JSONPathError.self) { try JSONPath(deep) }
        #expect(throws: JSONPathError.self) { try JSONPath(String(repeating: "[?@", count: 3000)) }
        #expect(throws: JSONPathError.self) { try JSONPath("$" + String(repeating: "[?@", count: 3000)) }
        #expect(throws: JSONPathError.self) { try JSONPath("$" + String(repeating: ".a", count: 501)) }
        #expect(throws: Never.self) { try JSONPath("$" + String(repeating: ".a", count: 500)) }
    }
}
