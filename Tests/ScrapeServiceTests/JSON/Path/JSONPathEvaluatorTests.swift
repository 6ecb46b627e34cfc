import Testing

@testable import ScrapeService

/// What queries select (RFC 9535), in order.
@Suite struct JSONPathEvaluatorTests {
    static let shop = """
        {"store": {"book": [
            {"category": "reference", "author": "Rees", "title": "Sayings", "price": 8.95},
            {"category": "fiction", "author": "Waugh", "title": "Sword", "price": 12.99},
            {"category": "fiction", "author": "Melville", "title": "Moby Dick", "isbn": "0-553", "price": 8.99},
            {"category": "fiction", "author": "Tolkien", "title": "Rings", "isbn": "0-395", "price": 22.99}],
         "bicycle": {"color": "red", "price": 399}}}
        """

    private func select(_ path: String, _ text: String) throws -> String {
        let document = try JSONDocument(Array(text.utf8))
        var evaluator = JSONPathEvaluator(document)
        let nodes = try evaluator.select(try JSONPath(path))
        if let first = try evaluator.selectFirst(try JSONPath(path)) {
            #expect(first == nodes.first)
        } else {
            #expect(nodes.isEmpty)
        }
        return String(decoding: JSONValue.array(nodes.map { document.value(of: $0) }).bytes, as: UTF8.self)
    }

    @Test(arguments: [
        ("$.store.book[*].author", #"["Rees","Waugh","Melville","Tolkien"]"#),
        ("$..author", #"["Rees","Waugh","Melville","Tolkien"]"#),
        ("$.store..price", "[8.95,12.99,8.99,22.99,399]"),
        ("$..book[2].title", #"["Moby Dick"]"#), ("$..book[-1].title", #"["Rings"]"#),
        ("$..book[0,1].title", #"["Sayings","Sword"]"#), ("$..book[:2].title", #"["Sayings","Sword"]"#),
        ("$..book[?@.isbn].title", #"["Moby Dick","Rings"]"#),
        ("$..book[?@.price<10].title", #"["Sayings","Moby Dick"]"#),
        ("$..book[?@.price < 10 && @.isbn].title", #"["Moby Dick"]"#),
        ("$.store.*[?@.price > $.store.bicycle.price]", "[]"),
        ("$..[?@.color].price", "[399]"),
        ("$..book[?!@.isbn && @.category == 'fiction'].author", #"["Waugh"]"#),
        ("$..book[?search(@.title, '^S')].author", #"["Rees","Waugh"]"#),
        ("$..book[?match(@.title, 'S.*s')].author", #"["Rees"]"#),
        ("$.store[?count(@.*) == 4].[0].author".replacing(".[0]", with: "[0]"), #"["Rees"]"#),
        ("$.store.book[?length(@.title) > 6].title", #"["Sayings","Moby Dick"]"#),
        ("$[?value(@..color) == 'red'].bicycle.color", #"["red"]"#),
    ])
    func aShopIsAsked(_ path: String, _ selected: String) throws {
        #expect(try select(path, Self.shop) == selected)
    }

    @Test(arguments: [
        // §2.2, §2.3.1: names, with and without escapes on either side.
        ("$", "[1]", "[[1]]"), ("$.a", #"{"a":null}"#, "[null]"), ("$.a", "[1]", "[]"),
        ("$['']", #"{"":1}"#, "[1]"),
        (#"$['\u0061']"#, #"{"a":1}"#, "[1]"), ("$.a", #"{"\u0061":1}"#, "[1]"),
        ("$['é']", #"{"e\u0301":1,"\u00e9":2}"#, "[2]"),
        ("$['a','a']", #"{"a":1}"#, "[1,1]"), ("$.length", "[1]", "[]"),
        ("$.a.b.c", #"{"a":{"b":{"c":[]}}}"#, "[[]]"),
        ("$['b','a']", #"{"a":1,"b":2}"#, "[2,1]"),
        // §2.3.2: wildcards.
        ("$.*", "[1,[2]]", "[1,[2]]"), ("$.*", #"{"a":1,"b":{}}"#, "[1,{}]"), ("$.*", "3", "[]"),
        ("$[*,0]", "[1,2]", "[1,2,1]"),
        // §2.3.3: indices.
        ("$[0]", "[]", "[]"), ("$[1]", "[1,2]", "[2]"), ("$[-2]", "[1,2]", "[1]"), ("$[-3]", "[1,2]", "[]"),
        ("$[2]", "[1,2]", "[]"),
        ("$[0]", #"{"0":1}"#, "[]"), ("$[1][0]", "[[[9]],[[8],7]]", "[[8]]"),
        // §2.3.4: slices.
        ("$[1:3]", "[0,1,2,3]", "[1,2]"), ("$[-2:]", "[0,1,2,3]", "[2,3]"), ("$[:-2]", "[0,1,2,3]", "[0,1]"),
        ("$[::2]", "[0,1,2,3]", "[0,2]"), ("$[::-1]", "[0,1,2]", "[2,1,0]"),
        ("$[5:1:-2]", "[0,1,2,3,4,5]", "[5,3]"),
        ("$[3:0:-1]", "[0,1]", "[1]"), ("$[::0]", "[0,1]", "[]"), ("$[10:]", "[0]", "[]"),
        ("$[:10]", "[0]", "[0]"),
        ("$[-10:10]", "[0,1]", "[0,1]"), ("$[:]", #"{"a":1}"#, "[]"), ("$[-1:-10:-1]", "[0,1]", "[1,0]"),
        ("$[1:1]", "[0,1]", "[]"),
        // §2.5.2: descendants, parents first; a value reached twice is selected twice.
        ("$..a", #"{"a":{"a":1},"b":[{"a":2}]}"#, #"[{"a":1},1,2]"#), ("$..[0]", "[[1],[2]]", "[[1],1,2]"),
        ("$..*", "[[1],2]", "[[1],2,1]"), ("$..*..*", "[[[1]]]", "[[1],1,1]"),
        ("$..a..b", #"{"a":{"a":{"b":1}}}"#, "[1,1]"),
        // §2.3.5: existence and comparison.
        ("$[?@]", "[null,false,0]", "[null,false,0]"),
        ("$[?@.a]", #"[{"a":null},{"b":1},[],3]"#, #"[{"a":null}]"#),
        ("$[?@>1]", #"{"a":1,"b":2}"#, "[2]"), ("$[?@.a==@.b]", #"[{},{"a":1}]"#, "[{}]"),
        ("$[?@.a!=@.b]", #"[{},{"a":1}]"#, #"[{"a":1}]"#),
        ("$[?@.a<=@.b]", "[{}]", "[{}]"), ("$[?@==1]", "[1,1.0,1e0,true]", #"[1,1.0,1e0]"#),
        ("$[?@==-0]", "[0,-0,-0.0]", "[0,-0,-0.0]"),
        ("$[?@==100]", "[1e2]", "[1e2]"),
        ("$[?@>9007199254740992]", "[9007199254740992,9007199254740993]", "[9007199254740993]"),
        ("$[?@<1e400]", "[1,1e308]", "[1,1e308]"), ("$[?@=='1']", "[1,\"1\"]", "[\"1\"]"),
        ("$[?@<'b']", #"["a","b","A","é"]"#, #"["a","A"]"#),
        ("$[?@>'\u{FFFF}']", #"["😀"]"#, #"["😀"]"#), ("$[?@<true]", "[false]", "[]"),
        ("$[?@<=true]", "[true,false]", "[true]"),
        ("$[?@==null]", "[null,0]", "[null]"), ("$[?@>=null]", "[null]", "[null]"),
        ("$[?@<null]", "[null,0]", "[]"),
        (
            "$[?@.a==@.b]", #"[{"a":[1,{"x":1,"y":2}],"b":[1,{"y":2.0,"x":1}]},{"a":[1],"b":[1,2]}]"#,
            #"[{"a":[1,{"x":1,"y":2}],"b":[1,{"y":2.0,"x":1}]}]"#
        ),
        (
            "$[?@.a==@.b]", #"[{"a":{},"b":[]},{"a":{"x":1},"b":{"y":1}},{"a":{"x":1},"b":{"x":1,"z":2}}]"#,
            "[]"
        ),
        ("$[?@<=@]", "[{},[]]", "[{},[]]"),
        ("$[?@.a||@.b&&@.c]", #"[{"a":1},{"b":1},{"b":1,"c":1}]"#, #"[{"a":1},{"b":1,"c":1}]"#),
        ("$[?!(@.a&&@.b)]", #"[{"a":1},{"a":1,"b":1}]"#, #"[{"a":1}]"#),
        ("$[?@[?@>1]]", "[[1],[2]]", "[[2]]"),
        ("$.a[?@==$.b]", #"{"a":[1,2],"b":2}"#, "[2]"), ("$.a[?$.b]", #"{"a":[1,2]}"#, "[]"),
        ("$[?@.*]", "[[],[1],{}]", "[[1]]"),
        ("$..[?@.id==2]", #"{"id":2,"x":[{"id":2},{"y":{"id":2}}]}"#, #"[{"id":2},{"id":2}]"#),
        ("$[?'b'==@]", #"["b"]"#, #"["b"]"#), ("$[?1==1]", "[1]", "[1]"), ("$[?1>2]", "[1]", "[]"),
        ("$[?@.a.b.c==1]", #"[{"a":{"b":{"c":1}}}]"#, #"[{"a":{"b":{"c":1}}}]"#),
        // §2.4.4 to §2.4.8: functions.
        (
            "$[?length(@)==2]", #"["ab","é€","😀x","abc",[1,2],{"a":1,"b":2},2]"#,
            #"["ab","é€","😀x",[1,2],{"a":1,"b":2}]"#
        ),
        ("$[?length(@.a)==length(@.b)]", "[{}]", "[{}]"), ("$[?count(@..*)>1]", "[[1],[[1]]]", "[[[1]]]"),
        ("$[?count(@.a)==0]", "[{}]", "[{}]"),
        ("$[?value(@.*)==1]", "[[1],[1,1],[]]", "[[1]]"), ("$[?value(@.*)!=1]", "[[1],[1,1]]", "[[1,1]]"),
        ("$[?value($..a)==1]", #"[{"a":1}]"#, #"[{"a":1}]"#),
        ("$[?match(@,'a.c')]", #"["abc","xabc","a\nc","a\rc","a😀c"]"#, #"["abc","a😀c"]"#),
        ("$[?match(@,'a|b')]", #"["a","b","ab"]"#, #"["a","b"]"#),
        ("$[?search(@,'a|b')]", #"["xa","c"]"#, #"["xa"]"#),
        ("$[?match(@,'[a-c]+')]", #"["abc","abd"]"#, #"["abc"]"#),
        ("$[?match(@,'[^a]')]", #"["a","b"]"#, #"["b"]"#),
        ("$[?match(@,'\\\\p{Lu}+')]", #"["ÉA","éa"]"#, #"["ÉA"]"#),
        ("$[?match(@,'\\\\P{N}')]", #"["1","a"]"#, #"["a"]"#),
        ("$[?match(@,'a{2,3}')]", #"["a","aa","aaa","aaaa"]"#, #"["aa","aaa"]"#),
        ("$[?match(@,'[a\\\\-z]*')]", #"["a-z","b"]"#, #"["a-z"]"#),
        ("$[?match(@,'a\\\\.b')]", #"["a.b","axb"]"#, #"["a.b"]"#),
        ("$[?match(@,'\\\\d')]", #"["1","\\d"]"#, "[]"), ("$[?search(@,'(')]", #"["("]"#, "[]"),
        ("$[?!match(@,'[')]", #"["["]"#, #"["["]"#),
        ("$[?search(@,'a(?=b)')]", #"["ab"]"#, "[]"), ("$[?search(@,'(a)\\\\1')]", #"["aa"]"#, "[]"),
        ("$[?match(@,1)]", "[1]", "[]"), ("$[?match(@,'1')]", "[1]", "[]"),
        ("$.a[?match(@,$.p)]", #"{"a":["x","y"],"p":"x"}"#, #"["x"]"#),
        (
            "$.a[?match(@.t,@.p)]", #"{"a":[{"t":"aa","p":"a+"},{"t":"b","p":"["}]}"#,
            #"[{"t":"aa","p":"a+"}]"#
        ),
        ("$[?search(@,'')]", #"[""]"#, #"[""]"#), ("$[?match(@,'a b#c')]", #"["a b#c"]"#, #"["a b#c"]"#),
        ("$[?match(@,'x-y')]", #"["x-y"]"#, #"["x-y"]"#),
    ])
    func aQuerySelects(_ path: String, _ text: String, _ selected: String) throws {
        #expect(try select(path, text) == selected)
    }

    @Test func ofMembersWithOneNameTheLastCounts() throws {
        let text = #"{"a":1,"b":[5],"a":{"c":2},"\u0061":3}"#
        #expect(try select("$.*", text) == "[[5],3]")
        #expect(try select("$..*", text) == "[[5],3,5]")
        #expect(try select("$.a", text) == "[3]")
        #expect(try select("$[?length($)==2]", text) == "[[5],3]")
        let many = "{" + (0..<100).map { "\"k\($0 % 50)\":\($0)" }.joined(separator: ",") + "}"
        #expect(try select("$.k7", many) == "[57]")
        #expect(try JSONDocument(Array(many.utf8)).count(of: 0) == 50)
    }

    @Test func thePartOfADocumentIsARootOfItsOwn() throws {
        let document = try JSONDocument(Array(#"{"a":[{"x":1,"y":1},{"x":2,"y":3}]}"#.utf8))
        var evaluator = JSONPathEvaluator(document)
        let query = try JSONPath("$[?@==$.x]")
        let counts = try evaluator.select(JSONPath("$.a[*]")).map {
            try evaluator.select(query, in: $0).count
        }
        #expect(counts == [2, 1])
    }
}
