/* test_content.c - content: who posts the same rare text, or nearly the same, is tied, in whatever
 * script; a greeting, a template, a word and what one account repeats are not. Held against a slow
 * reference.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "small_store.h"

#include "base/fixed.h"
#include "evidence/shingles.h"
#include "failing.h"

enum { POSTS_MAX = 1500, TEXT_MAX = 400, LARGE = 4096, WORDS = 400 };

typedef struct post {
    char account[12];
    char text[TEXT_MAX];
} post;

static post posts[POSTS_MAX];
static size_t post_count;
static const rs_evidence_options defaults = RS_EVIDENCE_DEFAULTS;

static void say(char letter, int i, const char *text)
{
    assert_true(post_count < POSTS_MAX);
    post *one = &posts[post_count++];
    snprintf(one->account, sizeof one->account, "%c%d", letter, i);
    snprintf(one->text, sizeof one->text, "%s", text);
}

/* Some words of a language of four hundred. */
static void ramble(rsi_random *random, int words, char out[TEXT_MAX])
{
    size_t at = 0;
    for (int w = 0; w < words; w++) {
        uint64_t word = rsi_mix64(rsi_random_below(random, WORDS));
        for (int k = 0; k < 4 + (int)(word % 4); k++) {
            out[at++] = (char)('a' + (word >> (5 * k + 8)) % 26);
        }
        out[at++] = ' ';
    }
    out[at > 0 ? at - 1 : 0] = '\0';
}

static void begin(void)
{
    rsi_random random;
    char text[TEXT_MAX];
    rsi_random_seed(&random, 3, 1);
    post_count = 0;
    for (int i = 0; i < 900; i++) {
        ramble(&random, (int)rsi_random_between(&random, 8, 20), text);
        say('p', (int)rsi_random_below(&random, 400), text);
    }
}

static const char *const chinese = "今天的天气真好我们一起去公园散步然后回家吃饭看书听音乐聊天休息";
static const char *const english = "please send the whole deposit tonight and the parcel leaves "
                                   "our warehouse tomorrow morning";

/* Each changes a word of its own. */
static void copy(int accounts, const char *text)
{
    for (int i = 0; i < accounts; i++) {
        char changed[TEXT_MAX];
        snprintf(changed, sizeof changed, "%s %c%c", text, 'a' + i, 'q' - i);
        say('r', i, changed);
    }
}

static void open_posts(small_store *out, bool backwards, const rs_text *extra)
{
    rs_error err = {0};
    rsi_batch *batch = NULL;
    rsi_block *block = NULL;
    rsi_commit commit;
    rs_graph_options options = RS_GRAPH_DEFAULTS;
    uint32_t relation = 0;
    rsi_relation_spec spec = {.name = small_text("posts"), .kind = RS_KIND_CONTENT};
    const char *base = getenv("TMPDIR");
    snprintf(out->path, sizeof out->path, "%s/rs-posts-%ld", base == NULL ? "/tmp" : base,
             (long)getpid());
    small_remove(out->path);
    small_ok(rsi_batch_open(&batch, out->path, false, NULL, &err), &err);
    small_ok(rsi_block_new(&block, batch, &err), &err);
    small_ok(rsi_batch_type(batch, small_text("account"), &spec.src_type, &err), &err);
    small_ok(rsi_batch_subject(batch, spec.src_type, &err), &err);
    small_ok(rsi_batch_type(batch, small_text("text"), &spec.dst_type, &err), &err);
    small_ok(rsi_batch_relation(batch, &spec, &relation, &err), &err);
    for (size_t i = 0; i < post_count; i++) {
        const post *one = &posts[backwards ? post_count - 1 - i : i];
        rsi_edge_row edge = {.relation = relation,
                             .src = small_text(one->account),
                             .dst = small_text(one->text),
                             .time = RS_NO_TIME,
                             .precision_s = 1,
                             .amount = RS_NO_AMOUNT};
        small_ok(rsi_block_edge(block, &edge, &err), &err);
    }
    for (size_t i = 0; extra != NULL && i < 2; i++) {
        rsi_edge_row edge = {.relation = relation,
                             .src = small_text(i == 0 ? "x0" : "x1"),
                             .dst = extra[i],
                             .time = RS_NO_TIME,
                             .precision_s = 1,
                             .amount = RS_NO_AMOUNT};
        small_ok(rsi_block_edge(block, &edge, &err), &err);
    }
    small_ok(rsi_batch_append(batch, block, &err), &err);
    small_ok(rsi_batch_commit(batch, "one", post_count, &commit, &err), &err);
    rsi_block_free(block);
    rsi_batch_close(batch);
    small_ok(rs_store_open(&out->store, out->path, &err), &err);
    small_ok(rs_graph_open(&out->graph, out->store, &options, NULL, &err), &err);
}

typedef struct finding {
    uint64_t weight;
    size_t links, hubs;
} finding;

/* Links between accounts of one letter; 0: of all. */
static finding find_in(const small_store *small, char letter, unsigned threads)
{
    rs_evidence evidence;
    rs_error err = {0};
    rs_work work = {.threads = threads};
    finding found = {0};
    rs_ids *ids = NULL;
    uint8_t *wanted = malloc(rs_graph_node_count(small->graph));
    memset(wanted, 1, rs_graph_node_count(small->graph));
    small_ok(rs_graph_ids(small->graph, wanted, &ids, &err), &err);
    small_ok(rs_evidence_find(small->graph, &defaults, &work, &evidence, &err), &err);
    for (size_t i = 0; i < evidence.link_count; i++) {
        const rs_link *link = &evidence.links[i];
        assert_string_equal(rs_evidence_kind_name(link->kind), "content");
        assert_true(link->b < rs_graph_subject_count(small->graph));
        bool among = rs_ids_of(ids, link->a).bytes[0] == letter &&
                     rs_ids_of(ids, link->b).bytes[0] == letter;
        if (letter == 0 || among) {
            found.weight += link->weight;
            found.links++;
        }
    }
    found.hubs = evidence.hub_count;
    rs_ids_free(ids);
    free(wanted);
    rs_evidence_free(&evidence);
    return found;
}

static finding find(char letter)
{
    small_store small;
    open_posts(&small, false, NULL);
    finding found = find_in(&small, letter, 1);
    small_close(&small);
    return found;
}

static void finds_nearly_the_same_text(void **state)
{
    (void)state;
    const char *const texts[] = {english, chinese};
    for (int i = 0; i < 2; i++) {
        begin();
        copy(7, texts[i]);
        finding ring = find('r');
        assert_int_equal(ring.links, 7 * 6 / 2);
        assert_true(ring.weight > 21 * (UINT64_C(1) << 18));
        assert_int_equal(find(0).links, ring.links);
    }
}

static void takes_letters_for_what_they_say(void **state)
{
    (void)state;
    begin();
    say('r', 0, "ＡＢＣ　pay the fee to the office ① first  ");
    say('r', 1, "abc Pay\tthe fee to the office 1 first");
    assert_int_equal(find('r').links, 1);
}

static void links_many_in_a_circle(void **state)
{
    (void)state;
    begin();
    copy(14, english);
    assert_int_equal(find('r').links, 14 * 4);
}

static void leaves_other_texts_alone(void **state)
{
    (void)state;
    begin();
    say('r', 0, "the first half of this is the same and the rest of it is quite another story");
    say('r', 1, "the first half of this is the same but nobody wrote what follows before him");
    assert_int_equal(find(0).links, 0);
}

static void leaves_greetings_and_words_alone(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 300; i++) { /* everybody: a hub */
        say('p', i, "thank you very much, all is fine with my order");
    }
    say('r', 0, "ok");
    say('r', 1, "Ok ");
    finding found = find('r');
    assert_true(found.weight < UINT64_C(1) << 18); /* two characters */
    assert_int_equal(find(0).links, found.links);
    assert_int_equal(find(0).hubs, 1);
}

static void counts_who_repeats_once(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 9; i++) {
        char text[TEXT_MAX];
        snprintf(text, sizeof text, "%s %d", english, i);
        say('r', 0, text);
    }
    assert_int_equal(find(0).links, 0);
    say('r', 1, english);
    assert_int_equal(find(0).links, 1);
}

static void makes_nothing_of_nothing(void **state)
{
    (void)state;
    small_store small;
    begin();
    say('r', 0, " \t ");
    say('r', 1, "　");
    say('r', 2, "  ");
    assert_int_equal(find(0).links, 0);
    char *large[2] = {malloc(LARGE), malloc(LARGE)};
    for (int i = 0; i < 2; i++) { /* hostile: large, broken, nothing but marks */
        memset(large[i], 0xff, LARGE);
        for (int k = 0; k + 2 < LARGE / 2; k += 2) {
            memcpy(large[i] + k, "\xcc\x81", 2);
        }
        large[i][LARGE - 2 - i] = 'a';
    }
    rs_text extra[2] = {{large[0], LARGE - 1}, {large[1], LARGE - 1}};
    open_posts(&small, false, extra);
    assert_int_equal(find_in(&small, 'x', 1).links, 1);
    small_close(&small);
    free(large[0]);
    free(large[1]);
}

static void is_the_same_whatever_the_order(void **state)
{
    (void)state;
    finding found[2];
    begin();
    copy(12, chinese);
    for (int i = 0; i < 2; i++) {
        small_store small;
        open_posts(&small, i == 1, NULL);
        found[i] = find_in(&small, 0, 1 + 2 * (unsigned)i);
        small_close(&small);
    }
    assert_memory_equal(&found[0], &found[1], sizeof found[0]);
}

static uint32_t jaccard_of(const char *a, const char *b)
{
    rs_error err = {0};
    rsi_folded one = {0};
    rsi_folded other = {0};
    size_t common = 0;
    size_t sizes[2] = {0};
    small_ok(rsi_fold(small_text(a), &one, &err), &err);
    small_ok(rsi_fold(small_text(b), &other, &err), &err);
    for (int side = 0; side < 2; side++) {
        const rsi_folded *own = side == 0 ? &one : &other;
        const rsi_folded *their = side == 0 ? &other : &one;
        for (size_t i = 0; i + RSI_SHINGLE <= own->count; i++) {
            const size_t bytes = RSI_SHINGLE * sizeof *own->codes;
            bool again = false;
            bool there = false;
            for (size_t k = 0; k < i; k++) {
                again = again || memcmp(own->codes + i, own->codes + k, bytes) == 0;
            }
            for (size_t k = 0; k + RSI_SHINGLE <= their->count; k++) {
                there = there || memcmp(own->codes + i, their->codes + k, bytes) == 0;
            }
            sizes[side] += !again;
            common += side == 0 && !again && there;
        }
    }
    free(one.codes);
    free(other.codes);
    return (uint32_t)(((uint64_t)common << 20) / (sizes[0] + sizes[1] - common));
}

/* Every text against every other one, shingle by shingle. */
static void finds_what_the_definition_says(void **state)
{
    rsi_random random;
    size_t expected = 0;
    (void)state;
    rsi_random_seed(&random, 8, 2);
    post_count = 0;
    for (int i = 0; i < 60; i++) { /* by accounts of their own, some with a few words changed */
        char text[TEXT_MAX];
        ramble(&random, 12, text);
        say('a', i, text);
        for (uint32_t k = rsi_random_below(&random, 4); k > 0; k--) {
            text[rsi_random_below(&random, 20) + 1] = 'z';
        }
        say('b', i, text);
    }
    for (size_t i = 0; i < post_count; i += 2) {
        for (size_t k = i + 1; k < post_count; k++) {
            bool alike = jaccard_of(posts[i].text, posts[k].text) >= defaults.content_jaccard;
            assert_true(!alike || k == i + 1);
            expected += alike;
        }
    }
    assert_true(expected > 10 && expected < 60);
    assert_int_equal(find(0).links, expected);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    small_store small;
    begin();
    post_count = 5;
    copy(3, english);
    open_posts(&small, false, NULL);
    assert_true(failing_each(small_find_links, &small) > 20);
    small_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_nearly_the_same_text),
        cmocka_unit_test(takes_letters_for_what_they_say),
        cmocka_unit_test(links_many_in_a_circle),
        cmocka_unit_test(leaves_other_texts_alone),
        cmocka_unit_test(leaves_greetings_and_words_alone),
        cmocka_unit_test(counts_who_repeats_once),
        cmocka_unit_test(makes_nothing_of_nothing),
        cmocka_unit_test(is_the_same_whatever_the_order),
        cmocka_unit_test(finds_what_the_definition_says),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
