/* Promise: rules do to a checkpoint what docs/recipes.md says: matching, joining, coverage, order, header; and every refusal says
 * where and why. */
#include "fake.h"

#define RULES(rules) "{\"id\": \"r\",\n\"tensors\": [\n" rules "\n]}"

static const struct {
    const char *checkpoint, *recipe, *outputs;
} good[] = {
    {"a.0.w f32 2x3\na.1.w f32 2x3\nb f32 4\n",
     RULES("{\"from\": \"a.{i}.w\", \"to\": \"x{i + 10}\"}, {\"from\": \"b\", \"to\": \"y\"}"),
     "x10:2x3q x11:2x3q y:4"},
    /* the first rule that matches and whose condition holds */
    {"a.0.w f32 2x3\na.1.w f32 2x3\n",
     RULES("{\"from\": \"a.{i}.w\", \"when\": \"= i == 1\", \"to\": \"one\"}, {\"from\": \"a.{i}.{name}\", \"to\": "
           "\"other.{name}\"}"),
     "other.w:2x3q one:2x3q"},
    {"a.x/y:0 f32 2\n", RULES("{\"from\": \"a.{rest...}\", \"to\": \"{replace(rest, '/', '.')}\"}"), "x.y:0:2"},
    {"a.b.b f32 2\na.b.c f32 2\n",
     RULES("{\"from\": \"a.{xx}.{xx}\", \"to\": \"same\"}, {\"from\": \"a.{xx}.{yy}\", \"to\": \"not\"}"),
     "same:2 not:2"},
    {"l007 f32 2\nl7 f32 2\n",
     RULES("{\"from\": \"l{i}\", \"to\": \"i{i}\"}, {\"from\": \"l{word}\", \"to\": \"w{word}\"}"), "w007:2 i7:2"},
    {"a{b} f32 2\n", RULES("{\"from\": \"a{{b}}\", \"to\": \"{{c}}\"}"), "{c}:2"},
    /* types */
    {"m f32 2x3\nv f32 3\nk f32 4x3x3x3\nf f32 2x2\nd f32 3\n",
     RULES("{\"from\": \"k\", \"to\": \"k\", \"default\": \"f16\", \"rows\": 1}, {\"from\": \"f\", \"to\": \"f\", "
           "\"type\": \"= 'f' + '32'\"},"
           "{\"from\": \"d\", \"to\": \"d\", \"default\": \"f16\"}, {\"from\": \"{name}\", \"to\": \"{name}\"}"),
     "m:2x3q v:3 k:4x3x3x3?f16q/1 f:2x2=f32 d:3?f16q"},
    /* one to several, several to one, one from nothing */
    {"qkv f32 6x2\n",
     RULES("{\"from\": \"qkv\", \"into\": [{\"to\": \"q\", \"do\": [{\"split\": {\"axis\": 0, \"parts\": 3, \"take\": "
           "0}}]},"
           "{\"to\": \"kv\", \"do\": [{\"slice\": {\"axis\": 0, \"start\": 2}}], \"type\": \"f16\"}, {\"to\": \"no\", "
           "\"when\": false}]}"),
     "q:2x2q kv:4x2=f16"},
    {"h.0.v f32 3x2\nh.0.q f32 1x2\nh.0.k f32 2x2\n",
     RULES("{\"from\": [\"h.{i}.q\", \"h.{i}.k\", \"h.{i}.v\"], \"concat\": 0, \"to\": \"qkv{i}\"}"), "qkv0:6x2q*3"},
    {"h.0.a f32 2\n",
     RULES("{\"from\": [\"h.{i}.a\", {\"const\": 0, \"shape\": [3]}], \"concat\": 0, \"to\": \"p{i}\"}"), "p0:5*2"},
    {"a f16 2x3\n", /* repeated, too */
     RULES(
         "{\"from\": [\"a\", {\"const\": 0, \"shape\": [1, 1], \"do\": [{\"repeat\": {\"axis\": 1, \"times\": 3}}]}], "
         "\"concat\": 0, \"to\": \"p\"}"),
     "p:3x3q*2"},
    {"a f16 2x3\n", RULES("{\"from\": [{\"const\": 0, \"shape\": [4, 3]}, \"a\"], \"concat\": 0, \"to\": \"p\"}"),
     "p:6x3q*2"},
    {"e.1.w f32 2x3\ne.0.w f32 2x3\ne.2.w f32 2x3\n",
     RULES("{\"from\": \"e.{e}.w\", \"stack\": {\"over\": \"e\"}, \"to\": \"all\"}"), "all:3x2x3q*3"},
    {"e.1.w f32 2x3\ne.0.w f32 2x3\n",
     RULES("{\"from\": \"e.{e}.w\", \"stack\": {\"over\": \"e\", \"axis\": -1, \"count\": 2}, \"to\": \"all\"}"),
     "all:2x3x2q*2"},
    {"e.1.w f32 2x3\ne.0.w f32 2x3\n",
     RULES("{\"from\": \"e.{e}.w\", \"concat\": {\"over\": \"e\", \"axis\": 1}, \"to\": \"all\"}"), "all:2x6q*2"},
    {"w f32 2\n",
     RULES("{\"from\": \"w\", \"to\": \"w\"}, {\"const\": \"= [1 / float(i + 1) for i in 0..4]\", \"to\": \"c\", "
           "\"at\": \"first\"},"
           "{\"const\": 1.5, \"to\": \"s\"}, {\"const\": 0, \"shape\": [2, 2], \"for\": {\"i\": \"= 0..2\"}, \"to\": "
           "\"z{i}\", \"type\": \"f32\"}"),
     "c:4 w:2 s: z0:2x2=f32 z1:2x2=f32"},
    /* names that lack what the recipe's begin with: all of them or none */
    {"a.w f32 2\nb f32 3\n",
     "{\"id\": \"r\", \"renames\": [{\"from\": \"{xx...}\", \"to\": \"m.{xx}\", \"when\": \"= bare\"}], \"values\": "
     "{\"bare\": \"= len(tensors('m.*')) == 0\"}, \"tensors\": [{\"from\": \"m.{xx...}\", \"to\": \"{xx}\"}]}",
     "a.w:2 b:3"},
    {"m.w f32 2\nb f32 3\n",
     "{\"id\": \"r\", \"renames\": [{\"from\": \"{xx...}\", \"to\": \"m.{xx}\", \"when\": \"= bare\"}], \"values\": "
     "{\"bare\": \"= len(tensors('m.*')) == 0\"}, \"tensors\": [{\"from\": \"m.{xx...}\", \"to\": \"{xx}\"}, "
     "{\"from\": "
     "\"b\", \"to\": \"c\"}]}",
     "w:2 c:3"},
    /* dropped, auxiliary, optional */
    {"w f32 2\nh.0.mask f32 2\nstep aux-f32 -\n",
     RULES("{\"drop\": [\"h.{i}.mask\", \"x\"]}, {\"from\": \"w\", \"to\": \"w\"}, {\"from\": \"y\", \"to\": \"y\", "
           "\"optional\": true}"),
     "w:2"},
    {"w f32 2\nstep aux-f32 -\n", RULES("{\"from\": \"{name}\", \"to\": \"{name}\"}"), "w:2 step:"},
    /* "for" and "when" together: h.1.b is wanted by no one */
    {"h.0.w f32 2\nh.1.w f32 2\nh.0.b f32 2\n",
     RULES("{\"from\": \"h.{i}.w\", \"for\": {\"i\": \"= 0..2\"}, \"to\": \"w{i}\"}, {\"from\": \"h.{i}.b\", \"for\": "
           "{\"i\": \"= 0..2\"}, \"when\": \"= i != 1\", \"to\": \"b{i}\"}"),
     "w0:2 w1:2 b0:2"},
    /* order */
    {"h.10.w f32 2\nh.2.w f32 2\nh.10.b f32 2\nh.2.b f32 2\nz f32 1\n",
     "{\"id\": \"r\", \"tensors\": [{\"from\": \"z\", \"to\": \"z\"}, {\"from\": \"h.{i}.b\", \"to\": \"b{i}\"}, "
     "{\"from\": \"h.{i}.w\", \"to\": \"w{i}\"}],"
     "\"outputs\": {\"*\": {\"order\": \"recipe\"}}}",
     "z:1 b2:2 b10:2 w2:2 w10:2"},
    {"h.10.w f32 2\nh.2.w f32 2\nh.10.b f32 2\nh.2.b f32 2\nz f32 1\n",
     "{\"id\": \"r\", \"tensors\": [{\"group\": [{\"from\": \"h.{i}.b\", \"to\": \"b{i}\"}, {\"from\": \"h.{i}.w\", "
     "\"to\": \"w{i}\"}]}, {\"from\": \"z\", \"to\": \"z\"}],"
     "\"outputs\": {\"*\": {\"order\": \"recipe\"}}}",
     "b2:2 w2:2 b10:2 w10:2 z:1"},
    {"e.0.w f32 1\nx f32 1\ne.1.w f32 1\n",
     RULES("{\"from\": \"e.{e}.w\", \"stack\": {\"over\": \"e\"}, \"at\": \"last\", \"to\": \"all\"}, {\"from\": "
           "\"x\", \"to\": \"x\"}"),
     "x:1 all:2x1q*2"},
    /* layout */
    {"w f32 1x3x1\n",
     "{\"id\": \"r\", \"tensors\": [{\"from\": \"w\", \"to\": \"w\"}], \"outputs\": {\"out\": {\"layout\": "
     "[\"squeeze\"]}}}",
     "w:3"},
    /* steps */
    {"w f32 4x6\n",
     "{\"id\": \"r\", \"values\": {\"n\": 2}, \"tensors\": [{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"reshape\": "
     "[\"= n\", 2, -1]}, {\"permute\": [2, 0, 1]},"
     "{\"if\": \"= n == 2\", \"do\": [{\"unsqueeze\": 0}]}, {\"if\": \"= n == 3\", \"do\": [\"squeeze\"]}, "
     "{\"repeat\": {\"axis\": 0, \"times\": 3}}]}]}",
     "w:3x6x2x2q"},
};

static void rules_make_the_outputs_that_the_docs_describe(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        ggx_arena arena;
        ggx_recipe_result result;
        ggx_error error;
        char text[2048];
        ggx_arena_init(&arena, 64 << 20);
        fake *f = fake_make(good[i].checkpoint);
        if (fake_apply(&arena, f, good[i].recipe, "out", &result, &error) != GGX_OK)
            fail_msg("case %zu: %s", i, error.text);
        fake_describe(&result, text, sizeof text);
        if (strcmp(text, good[i].outputs)) fail_msg("case %zu: %s, not %s", i, text, good[i].outputs);
        fake_free(f);
        ggx_arena_free(&arena);
    }
}

/* Rules stand in line 3. */
static const struct {
    const char *checkpoint, *recipe;
    ggx_status status;
    const char *error;
} bad[] = {
    /* the language */
    {"", "{\"id\": \"r\", \"tensor\": []}", GGX_E_USAGE,
     "r.json:1:13: 'tensor' is not a word of a recipe; did you mean 'tensors'?"},
    {"", "{\"id\": \"r\" \"x\": 1}", GGX_E_USAGE, "r.json: "},
    {"", "{\"id\": \"r\", \"id\": \"r\"}", GGX_E_USAGE, "r.json: "},
    {"", "{\"id\": \"\"}", GGX_E_USAGE, "r.json:1:8: an id has lower-case"},
    {"", "[]", GGX_E_USAGE, "r.json:1:1: a recipe is an object, not a list"},
    {"", "{}", GGX_E_USAGE, "r.json:1:1: 'id' is missing"},
    {"", "{\"id\": 1}", GGX_E_USAGE, "id is a string, not an integer"},
    {"", "{\"id\": \"r\", \"specificity\": 0}", GGX_E_USAGE, "r.json:1:28: 'specificity' is an integer from 1 to 100"},
    {"", "{\"id\": \"r\", \"values\": {\"a\": \"= b\", \"b\": \"= a\"}}", GGX_E_USAGE,
     "r.json:1:44: the value 'a' needs itself"},
    {"", "{\"id\": \"r\", \"values\": {\"a b\": 1}}", GGX_E_USAGE, "r.json:1:24: a value's name"},
    {"", "{\"id\": \"r\", \"outputs\": {\"x\": {\"order\": \"up\"}}}", GGX_E_USAGE, "r.json:1:40: 'order' is"},
    {"", "{\"id\": \"r\", \"outputs\": {\"x\": {\"header\": {\"k\": {}}}}}", GGX_E_USAGE,
     "r.json:1:47: a header field needs a type"},
    {"", "{\"id\": \"r\", \"outputs\": {\"x\": {\"header\": {\"k\": {\"u33\": 1}}}}}", GGX_E_USAGE,
     "'u33' is not a word of a header field; did you mean 'u3"},
    {"", "{\"id\": \"r\", \"outputs\": {\"x\": {\"header\": {\"k\": {\"u32\": 1, \"i32\": 2}}}}}", GGX_E_USAGE,
     "a header field has one value"},
    {"", "{\"id\": \"r\", \"outputs\": {\"x\": {\"header\": {\"k{zz}\": {\"u32\": 1}}}}}", GGX_E_USAGE,
     "r.json:1:45: 'zz' is not known here"},
    {"", "{\"id\": \"r\", \"extends\": \"none\"}", GGX_E_USAGE, "r.json:1:24: there is no recipe 'none'"},
    {"", "{\"id\": \"r\", \"without\": [\"x\"]}", GGX_E_USAGE, "'without' goes with 'extends'"},
    {"", RULES("{\"form\": \"w\", \"to\": \"w\"}"), GGX_E_USAGE,
     "r.json:3:2: 'form' is not a word of a rule; did you mean 'from'?"},
    {"", RULES("{\"to\": \"w\"}"), GGX_E_USAGE, "r.json:3:1: a rule has one of"},
    {"", RULES("{\"from\": \"w\"}"), GGX_E_USAGE, "r.json:3:1: 'to' is missing"},
    {"", RULES("{\"from\": \"w{}\", \"to\": \"w\"}"), GGX_E_USAGE, "r.json:3:12: a placeholder is"},
    {"", RULES("{\"from\": \"w}\", \"to\": \"w\"}"), GGX_E_USAGE, "r.json:3:12: a lone '}'"},
    {"", RULES("{\"from\": \"\", \"to\": \"w\"}"), GGX_E_USAGE, "an empty pattern"},
    {"", RULES("{\"from\": \"w{i}\", \"to\": \"w{j}\"}"), GGX_E_USAGE, "r.json:3:27: 'j' is not known here"},
    {"", RULES("{\"from\": [\"a{i}\", \"b{j}\"], \"concat\": 0, \"to\": \"w\"}"), GGX_E_USAGE,
     "r.json:3:19: this pattern must have the placeholders of the first"},
    {"", RULES("{\"from\": [\"a\", \"b\"], \"to\": \"w\"}"), GGX_E_USAGE,
     "a list of tensors needs 'concat' or 'stack'"},
    {"", RULES("{\"from\": \"a\", \"stack\": 0, \"to\": \"w\"}"), GGX_E_USAGE, "say which placeholder to join over"},
    {"", RULES("{\"from\": \"a{i}\", \"stack\": {\"over\": \"e\"}, \"to\": \"w\"}"), GGX_E_USAGE,
     "'e' is not an integer placeholder"},
    {"", RULES("{\"from\": \"a\", \"to\": \"w\", \"type\": \"f16\", \"default\": \"f32\"}"), GGX_E_USAGE,
     "'type' fixes the type"},
    {"", RULES("{\"from\": \"a\", \"into\": [], \"to\": \"w\"}"), GGX_E_USAGE,
     "with 'into', 'to' stands in its elements"},
    {"", RULES("{\"from\": \"a\", \"into\": []}"), GGX_E_USAGE, "'into' is empty"},
    {"", RULES("{\"from\": \"a\", \"to\": \"w\", \"at\": \"end\"}"), GGX_E_USAGE, "'at' is \"first\" or \"last\""},
    {"", RULES("{\"from\": \"a\", \"to\": \"w\", \"do\": [\"transpoze\"]}"), GGX_E_USAGE,
     "r.json:3:33: there is no operation 'transpoze'; did you mean 'transpose'?"},
    {"", RULES("{\"from\": \"a\", \"to\": \"w\", \"do\": [\"reshape\"]}"), GGX_E_USAGE, "reshape needs a value"},
    {"", RULES("{\"from\": \"a\", \"to\": \"w\", \"do\": [{\"neg\": 1}]}"), GGX_E_USAGE, "neg stands alone"},
    {"", RULES("{\"from\": \"a\", \"to\": \"w\", \"do\": [{\"slice\": {\"axes\": 0}}]}"), GGX_E_USAGE,
     "'axes' is not a word of slice; did you mean 'axis'?"},
    {"", RULES("{\"from\": \"a\", \"to\": \"w\", \"do\": [{\"split\": {\"axis\": 0, \"take\": 1}}]}"), GGX_E_USAGE,
     "split needs either"},
    {"", RULES("{\"from\": \"a\", \"to\": \"w\", \"do\": [{\"add\": 1, \"mul\": 2}]}"), GGX_E_USAGE,
     "an operation is one word"},
    {"", RULES("{\"drop\": \"a\", \"to\": \"w\"}"), GGX_E_USAGE, "'to' is not a word of a drop rule"},
    {"", RULES("{\"drop\": []}"), GGX_E_USAGE, "'drop' is empty"},
    {"", RULES("{\"from\": \"a{i}\", \"for\": {\"j\": [1]}, \"to\": \"w\"}"), GGX_E_USAGE,
     "'j' is not a placeholder that"},
    {"", RULES("{\"decode\": {\"plugin\": \"x\"}, \"to\": \"w\"}"), GGX_E_USAGE, "'inputs' is missing"},
    {"", RULES("{\"group\": [{\"group\": []}]}"), GGX_E_USAGE, "a rule has one of"},
    /* the checkpoint */
    {"w f32 2\nwx f32 2\n", RULES("{\"from\": \"w\", \"to\": \"w\"},\n{\"drop\": \"zzzzzz\"}"), GGX_E_MALFORMED,
     "r.json:3:10: recipe r has no rule for tensor 'wx'; the nearest is this one, 'w'"},
    {"w f32 2\n", RULES("{\"from\": \"w\", \"to\": \"w\"}, {\"from\": \"b\", \"to\": \"b\"}"), GGX_E_MALFORMED,
     "r.json:3:27: the checkpoint has no tensor 'b', which recipe r needs"},
    {"h.0.w f32 2\nh.2.w f32 2\n", RULES("{\"from\": \"h.{i}.w\", \"for\": {\"i\": \"= 0..3\"}, \"to\": \"w{i}\"}"),
     GGX_E_MALFORMED, "r.json:3:1: the checkpoint has no tensor 'h.1.w', which recipe r needs"},
    {"h.0.w f32 2\nh.2.w f32 2\n", RULES("{\"from\": \"h.{i}.w\", \"for\": {\"i\": \"= 0..1\"}, \"to\": \"w{i}\"}"),
     GGX_E_MALFORMED, "recipe r has no rule for tensor 'h.2.w'"},
    {"e.0.w f32 2\ne.2.w f32 2\n", RULES("{\"from\": \"e.{e}.w\", \"stack\": {\"over\": \"e\"}, \"to\": \"all\"}"),
     GGX_E_MALFORMED, "tensor 'e.2.w' is not reached by this rule of recipe r: it begins at 'e.0.w'"},
    {"e.0.w f32 2\ne.1.w f32 2\n",
     RULES("{\"from\": \"e.{e}.w\", \"stack\": {\"over\": \"e\", \"count\": 3}, \"to\": \"all\"}"), GGX_E_MALFORMED,
     "no tensor 'e.2.w', which this rule of recipe r needs together with 'e.0.w'"},
    {"e.0.w f32 2\ne.1.w f32 3\n", RULES("{\"from\": \"e.{e}.w\", \"stack\": {\"over\": \"e\"}, \"to\": \"all\"}"),
     GGX_E_MALFORMED, "r.json:3:1: tensor 'e.0.w': concat"},
    {"h.0.q f32 2\n", RULES("{\"from\": [\"h.{i}.q\", \"h.{i}.k\"], \"concat\": 0, \"to\": \"w{i}\"}"), GGX_E_MALFORMED,
     "no tensor 'h.0.k', which this rule of recipe r needs together with 'h.0.q'"},
    {"h.0.k f32 2\n",
     RULES("{\"from\": [\"h.{i}.q\", \"h.{i}.k\"], \"concat\": 0, \"to\": \"w{i}\", \"optional\": true}"),
     GGX_E_MALFORMED, "tensor 'h.0.k' is not reached by this rule of recipe r: it begins at 'h.0.q'"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"shape\": [2, null, 4], \"to\": \"w\"}"), GGX_E_MALFORMED,
     "r.json:3:24: tensor 'w' has shape (2,3), recipe r needs (2,?,4)"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"shape\": [3, 2], \"to\": \"w\"}"), GGX_E_MALFORMED,
     "tensor 'w' has shape (2,3), recipe r needs (3,2)"},
    {"a f32 2\nb f32 2\n", RULES("{\"from\": \"{i...}\", \"to\": \"same\"}"), GGX_E_MALFORMED,
     "r.json:3:1: two outputs are named 'same'"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"reshape\": [4, -1]}]}"), GGX_E_MALFORMED,
     "r.json:3:45: the 6 elements of tensor 'w' do not divide by 4 for the -1"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"reshape\": [4, 2]}]}"), GGX_E_MALFORMED,
     "r.json:3:33: tensor 'w': reshape"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"permute\": [0]}]}"), GGX_E_MALFORMED,
     "has 2 axes, the order names 1"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"permute\": [0, 0]}]}"), GGX_E_MALFORMED,
     "name each of the 2 axes once"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"squeeze\": 2}]}"), GGX_E_MALFORMED,
     "there is no axis 2 among 2"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"squeeze\": 1}]}"), GGX_E_MALFORMED,
     "does not have length 1"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"slice\": {\"axis\": 1, \"stop\": 4}}]}"),
     GGX_E_MALFORMED, "tensor 'w' has only 3 there"},
    {"w f32 2x3\n",
     RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"split\": {\"axis\": 1, \"parts\": 2, \"take\": 0}}]}"),
     GGX_E_MALFORMED, "does not split into 2 equal parts"},
    {"w f32 2x3\n",
     RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"split\": {\"axis\": 1, \"sizes\": [1, 1], \"take\": 0}}]}"),
     GGX_E_MALFORMED, "the parts add up to 2, tensor 'w' has 3"},
    {"w f32 2x3\n",
     RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"split\": {\"axis\": 1, \"parts\": 3, \"take\": 3}}]}"),
     GGX_E_MALFORMED, "there is no such part"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"w\", \"do\": [{\"repeat\": {\"axis\": 1, \"times\": 0}}]}"),
     GGX_E_MALFORMED, "repeats 1 to"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"w\", \"type\": \"Q 4\"}"), GGX_E_MALFORMED,
     "'Q 4' cannot be the name of a type"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"{''}\"}"), GGX_E_MALFORMED, "an output's name is empty"},
    {"w f32 2x3\n", RULES("{\"from\": [\"w\", {\"from\": \"w\", \"do\": [\"neg\"]}], \"concat\": 0, \"to\": \"w\"}"),
     GGX_E_USAGE, "'neg' changes elements; here only views"},
    {"w f32 2x3\n", RULES("{\"from\": \"w\", \"to\": \"x\", \"do\": [{\"scale\": {\"axis\": 0, \"by\": [1, 2, 3]}}]}"),
     GGX_E_MALFORMED, "tensor 'w' has 2 there, and these are 3 factors"},
    {"w f32 2\n", RULES("{\"from\": \"w\", \"to\": \"x\", \"do\": [{\"scale\": {\"axis\": 0, \"by\": [1, \"a\"]}}]}"),
     GGX_E_MALFORMED, "factor 1 is no number but string"},
    {"w f32 2\n", RULES("{\"from\": \"w\", \"to\": \"x\", \"do\": [{\"scale\": {\"axis\": 1, \"by\": [1, 2]}}]}"),
     GGX_E_MALFORMED, "there is no axis 1 among 1"},
    {"w f32 2\n", RULES("{\"from\": \"w\", \"to\": \"x\", \"do\": [{\"scale\": {\"axis\": 0}}]}"), GGX_E_USAGE,
     "'by' is missing"},
    {"w f32 2\n",
     RULES("{\"from\": \"w\", \"to\": \"x\", \"do\": [{\"scale\": {\"axis\": 0, \"by\": [1, 2]}}, \"transpose\"]}"),
     GGX_E_USAGE, "'transpose' behind 'scale' would move what its factors belong to"},
    {"w f32 2\n",
     RULES("{\"from\": \"w\", \"to\": \"x\", \"rows\": 0, \"do\": [{\"scale\": {\"axis\": 0, \"by\": [1, 2]}}]}"),
     GGX_E_USAGE, "'scale' belongs to an axis, and 'rows'"},
    {"w f32 2\n", RULES("{\"from\": \"w\", \"to\": \"x\", \"do\": [{\"ternary\": 0}, \"neg\", {\"ternary\": 0}]}"),
     GGX_E_USAGE, "'ternary' stands twice for one tensor"},
    {"w f16 2\n", RULES("{\"from\": [\"w\", {\"const\": [0, 1]}], \"concat\": 0, \"to\": \"w\"}"), GGX_E_MALFORMED,
     "element types f16 and f32 differ"},
    {"w f32 2\n", RULES("{\"from\": \"w\", \"to\": \"w\"}, {\"const\": [1, 2], \"shape\": [3], \"to\": \"c\"}"),
     GGX_E_MALFORMED, "2 numbers do not fill a shape of 3"},
    {"w f32 2\n", RULES("{\"from\": \"w\", \"to\": \"w\"}, {\"const\": [\"a\"], \"to\": \"c\"}"), GGX_E_MALFORMED,
     "a constant is made of numbers"},
    {"w f32 2\n", RULES("{\"decode\": {\"plugin\": \"gptq\", \"inputs\": {\"q\": \"w\"}}, \"to\": \"w\"}"),
     GGX_E_NOTFOUND, "tensor 'w' is packed: there is no decoder 'gptq'"},
    {"w f32 2\n",
     "{\"id\": \"r\", \"require\": [{\"that\": \"= has('x')\", \"else\": \"there is no x, only {tensors('*')[0]}\"}]}",
     GGX_E_MALFORMED, "there is no x, only w (recipe r, line 1 of r.json)"},
    {"w f32 2\n", "{\"id\": \"r\", \"outputs\": {\"other\": {}}}", GGX_E_UNSUPPORTED,
     "recipe r has no output for writer out"},
    {"", "{\"id\": \"r\", \"outputs\": {\"out\": {\"header\": {\"k\": {\"u8\": 256}}}}}", GGX_E_MALFORMED,
     "'k': 256 does not fit u8"},
    {"", "{\"id\": \"r\", \"outputs\": {\"out\": {\"header\": {\"k\": {\"i8\": -129}}}}}", GGX_E_MALFORMED,
     "'k': -129 does not fit i8"},
    {"", "{\"id\": \"r\", \"outputs\": {\"out\": {\"header\": {\"k\": {\"u32\": \"x\"}}}}}", GGX_E_MALFORMED,
     "'k' is of type u32, its value is string"},
    {"", "{\"id\": \"r\", \"outputs\": {\"out\": {\"header\": {\"k\": {\"u32\": null}}}}}", GGX_E_MALFORMED,
     "'k' has no value (null)"},
    {"", "{\"id\": \"r\", \"outputs\": {\"out\": {\"header\": {\"k\": {\"u32\": 1}, \"{'k'}\": {\"u32\": 1}}}}}",
     GGX_E_MALFORMED, "the header has 'k' already"},
    {"", "{\"id\": \"r\", \"outputs\": {\"out\": {\"header\": {\"k\": {\"u32\": \"= config('n')\"}}}}}", GGX_E_NOTFOUND,
     "the recipe needs 'config.json' beside the model"},
};

static void refusals_say_where_and_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        ggx_arena arena;
        ggx_recipe_result result;
        ggx_error error;
        ggx_arena_init(&arena, 64 << 20);
        fake *f = fake_make(bad[i].checkpoint);
        ggx_status status = fake_apply(&arena, f, bad[i].recipe, "out", &result, &error);
        if (status == GGX_OK) fail_msg("case %zu is accepted; it should say: %s", i, bad[i].error);
        if (!strstr(error.text, bad[i].error)) fail_msg("case %zu: \"%s\" lacks \"%s\"", i, error.text, bad[i].error);
        if (status != bad[i].status || error.status != status)
            fail_msg("case %zu: status %d and %d, not %d (%s)", i, status, error.status, bad[i].status, error.text);
        fake_free(f);
        ggx_arena_free(&arena);
    }
}

static void header_fields_have_types_order_and_conditions(void **state)
{
    (void)state;
    static const char recipe[] =
        "{\"id\": \"r\", \"tensors\": [], \"outputs\": {\"out\": {\"via\": \"f16\", \"header\": {"
        "\"a\": {\"u8\": 255}, \"b\": {\"i64\": -5}, \"c\": {\"f32\": 3}, \"d\": {\"bool\": true}, \"e\": {\"str\": "
        "\"= 'x{1}'\"},"
        "\"no\": {\"u32\": 1, \"when\": false}, \"none\": {\"u32\": null, \"optional\": true},"
        "\"list\": {\"i32\": \"= 0..3\"}, \"names\": {\"str\": [\"p\", \"q\"]}, \"empty\": {\"u32\": []},"
        "\"bytes\": {\"u8\": \"= base64('/wA=')\"},"
        "\"k{i}\": {\"u16\": \"= i * 2\", \"for\": {\"i\": \"= 1..3\"}}, \"copied.{rest}\": {\"copy\": "
        "\"n.{rest...}\"}}}}}";
    static const struct {
        const char *key;
        uint32_t type, elem_type;
        uint64_t count;
        const char *bytes;
        size_t size;
    } wanted[] = {
        {"a", GGX_KV_U8, GGX_KV_U8, 1, "\xff", 1},
        {"b", GGX_KV_I64, GGX_KV_I64, 1, "\xfb\xff\xff\xff\xff\xff\xff\xff", 8},
        {"c", GGX_KV_F32, GGX_KV_F32, 1, "\0\0\x40\x40", 4},
        {"d", GGX_KV_BOOL, GGX_KV_BOOL, 1, "\1", 1},
        {"e", GGX_KV_STRING, GGX_KV_STRING, 1, "x1", 0},
        {"list", GGX_KV_ARRAY, GGX_KV_I32, 3, "\0\0\0\0\1\0\0\0\2\0\0\0", 12},
        {"names", GGX_KV_ARRAY, GGX_KV_STRING, 2, "p", 0},
        {"empty", GGX_KV_ARRAY, GGX_KV_U32, 0, "", 0},
        {"bytes", GGX_KV_ARRAY, GGX_KV_U8, 2, "\xff\0", 2},
        {"k1", GGX_KV_U16, GGX_KV_U16, 1, "\2\0", 2},
        {"k2", GGX_KV_U16, GGX_KV_U16, 1, "\4\0", 2},
        {"copied.x", GGX_KV_U32, GGX_KV_U32, 1, "\x0c\0\0\0", 4},
        {"copied.y.z", GGX_KV_STRING, GGX_KV_STRING, 1, "t", 0},
    };
    ggx_arena arena;
    ggx_recipe_result result;
    ggx_error error;
    ggx_arena_init(&arena, 64 << 20);
    fake *f = fake_make("@n.x 12\n@m 1\n@n.y.z 't'\n");
    if (fake_apply(&arena, f, recipe, "out", &result, &error) != GGX_OK) fail_msg("%s", error.text);
    assert_int_equal(result.kv_count, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        const ggx_kv *kv = &result.kvs[i];
        assert_true(ggx_str_same(kv->key, ggx_str_of(wanted[i].key)));
        assert_int_equal(kv->type, wanted[i].type);
        assert_int_equal(kv->elem_type, wanted[i].elem_type);
        assert_int_equal(kv->count, wanted[i].count);
        if (wanted[i].size)
            assert_memory_equal(kv->data, wanted[i].bytes, wanted[i].size);
        else if (kv->elem_type == GGX_KV_STRING)
            assert_true(ggx_str_same(*(const ggx_str *)kv->data, ggx_str_of(wanted[i].bytes)));
    }
    assert_true(ggx_str_same(result.via, GGX_LIT("f16")));
    fake_free(f);
    ggx_arena_free(&arena);
}

static void every_use_of_a_tensor_is_listed_with_its_rule(void **state)
{
    (void)state;
    ggx_arena arena;
    ggx_recipe_result result;
    ggx_error error;
    ggx_arena_init(&arena, 64 << 20);
    fake *f = fake_make("a f32 2\nb f32 2\nc f32 2\n");
    assert_int_equal(fake_apply(&arena, f,
                                RULES("{\"drop\": \"b\"},\n{\"from\": [\"a\", \"c\"], \"concat\": 0, \"to\": "
                                      "\"x\",\n\"do\": [{\"mul\": 2}, \"neg\", {\"cast\": \"f16\"}]}"),
                                "out", &result, &error),
                     GGX_OK);
    assert_int_equal(result.use_count, 3);
    const uint64_t tensors[] = {0, 2, 1};
    const uint32_t lines[] = {4, 4, 3};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(result.uses[i].tensor, tensors[i]);
        assert_int_equal(result.uses[i].rule_line, lines[i]);
        assert_int_equal(result.uses[i].dropped, i == 2);
    }
    assert_int_equal(result.tensors[0].op_count, 3);
    assert_int_equal(result.tensors[0].ops[0].kind, GGX_OP_MUL);
    assert_true(result.tensors[0].ops[0].value == 2.0f);
    assert_int_equal(result.tensors[0].ops[1].kind, GGX_OP_NEG);
    assert_true(ggx_str_same(result.tensors[0].ops[2].type, GGX_LIT("f16")));
    assert_int_equal(result.tensors[0].rule_line, 4);
    fake_free(f);
    ggx_arena_free(&arena);
}

static void a_whole_tensor_is_measured_before_it_is_cut(void **state)
{
    (void)state;
    ggx_arena arena;
    ggx_recipe_result result;
    ggx_error error;
    ggx_arena_init(&arena, 64 << 20);
    fake *f = fake_make("a f32 4x2\n");
    assert_int_equal(
        fake_apply(
            &arena, f,
            RULES("{\"from\": \"a\", \"do\": [{\"ternary\": 1e-5}], \"into\": [{\"to\": \"x\", \"do\": [{\"split\": "
                  "{\"axis\": 0, \"parts\": 2, \"take\": 0}}]}, {\"to\": \"y\", \"do\": [{\"slice\": {\"axis\": 0, "
                  "\"start\": 2}}, {\"scale\": {\"axis\": -1, \"by\": [2, 0.5]}}]}]}"),
            "out", &result, &error),
        GGX_OK);
    assert_int_equal(result.tensor_count, 2);
    const ggx_op *x = result.tensors[0].ops, *y = result.tensors[1].ops;
    assert_int_equal(result.tensors[0].op_count, 1);
    assert_int_equal(result.tensors[1].op_count, 2);
    assert_int_equal(x->kind, GGX_OP_TERNARY);
    assert_true(x->value == 1e-5f);
    assert_ptr_equal(x->measure, y->measure); /* once for both */
    assert_int_equal(x->measure->over.shape[0], 4);
    assert_int_equal(x->measure->state, GGX_MEASURE_NONE);
    assert_int_equal(result.tensors[0].view.shape[0], 2);
    assert_int_equal(y[1].kind, GGX_OP_SCALE);
    assert_int_equal(y[1].axis, 1);
    assert_true(y[1].factors[0] == 2.0f && y[1].factors[1] == 0.5f);
    fake_free(f);
    ggx_arena_free(&arena);
}

static void a_condition_that_cannot_be_computed_does_not_hold(void **state)
{
    (void)state;
    static const struct {
        const char *when;
        int32_t score;
    } cases[] = {
        {"= has('w')", 70}, {"= shape('none')[0] + 1 == 3", 0}, {"= config('n') == 1", 0}, {"= 1", 0}, {"= false", 0}};
    fake *f = fake_make("w f32 2\n");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ggx_arena arena;
        ggx_recipe *recipe;
        ggx_error error;
        char text[256];
        int32_t score;
        ggx_recipe_env env = fake_env(f, "out");
        ggx_arena_init(&arena, 64 << 20);
        snprintf(text, sizeof text, "{\"id\": \"r\", \"specificity\": 70, \"when\": \"%s\"}", cases[i].when);
        assert_int_equal(ggx_recipe_parse(&arena, ggx_str_of(text), "r.json", NULL, &recipe, &error), GGX_OK);
        assert_int_equal(ggx_recipe_match(recipe, &env, &score, &error), GGX_OK);
        assert_int_equal(score, cases[i].score);
        ggx_arena_free(&arena);
    }
    fake_free(f);
}

static void without_a_recipe_everything_stays_but_what_is_auxiliary(void **state)
{
    (void)state;
    ggx_arena arena;
    ggx_recipe_result result;
    ggx_error error;
    char text[256];
    ggx_arena_init(&arena, 64 << 20);
    fake *f = fake_make("w f32 2x3\nstep aux-f32 -\nv f32 4\n@n 1\n");
    ggx_recipe_env env = fake_env(f, "out");
    assert_int_equal(ggx_recipe_identity(&arena, &env, &result, &error), GGX_OK);
    fake_describe(&result, text, sizeof text);
    assert_string_equal(text, "w:2x3q v:4");
    assert_int_equal(result.kv_count, 1);
    assert_int_equal(result.use_count, 3);
    assert_int_equal(result.uses[1].dropped, 1);
    fake_free(f);
    ggx_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_make_the_outputs_that_the_docs_describe),
        cmocka_unit_test(refusals_say_where_and_why),
        cmocka_unit_test(header_fields_have_types_order_and_conditions),
        cmocka_unit_test(every_use_of_a_tensor_is_listed_with_its_rule),
        cmocka_unit_test(a_whole_tensor_is_measured_before_it_is_cut),
        cmocka_unit_test(a_condition_that_cannot_be_computed_does_not_hold),
        cmocka_unit_test(without_a_recipe_everything_stays_but_what_is_auxiliary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
