/* content.c - accounts that post the same text, or nearly the same.
 *
 * Null model: accounts write on their own. Texts whose shingles have a Jaccard index of
 * options->content_jaccard and more with another one's are one text. Of the P posts of a night
 * (distinct pairs of account and text) d are of it, n those of the busier of two accounts that
 * posted it; so that one of those n is of it has the mean
 *
 *     p = n d / P          surprise = -ln p, at most ln N and ln 2 for each of its characters
 *
 * The more who post it, the less it says: a greeting, a template, what everybody forwards; whose
 * crowd could not hold together (the hub rule of shared.c) is a hub. And a short text is soon
 * written twice: a character narrows what follows by a bit or so (Shannon, 1951). The surprise
 * counts by how near the two texts are, where they are not one of a chain: by the least index by
 * which the text's versions hang together.
 *
 * Look-alikes: "thank you, all fine" (short, and many), a shop's template, a meme (a hub), one
 * account's own repetitions (one account).
 *
 * A link joins two accounts, its thing the version that most accounts posted; of more than REACH +
 * 1 accounts each is joined with the next REACH in order of nodes, in a circle. Texts are read
 * twice: all of them for their MinHash (128, 32 bands of 4), then those that share a band with
 * another one, whose indices are exact. In a band's bucket each text is held against the first and
 * the one before: linear, whatever the crowd.
 *
 * Cost: O(characters x 128), 40 bytes a post, 168 a text; and the
 * bytes of these. Both are reckoned with the budget.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/try.h"
#include "evidence/shingles.h"
#include "graph/internal.h"

enum { REACH = 4, POST_BYTES = 40, TEXT_BYTES = RSI_BANDS * 4 + 8 + 32 };
#define LN_2 726817u /* Q20 */

/* A text that shares a band with another one. */
typedef struct finder {
    const rsi_kind_input *input;
    const rs_work *work;
    rs_pair *posts; /* by account, then text */
    size_t post_count;
    uint32_t first, texts; /* nodes of the type of texts */
    uint32_t *posters;     /* by text: how many accounts */
    uint32_t *posts_of;    /* by subject: how many texts */
    uint32_t *length;      /* by text: characters; 0: not looked at */
    uint32_t *bands;       /* by text, RSI_BANDS each */
    uint64_t *pairs;       /* texts (rank << 32 | rank) that share a band, each once */
    size_t pair_count, pair_room;
    uint32_t *version_of; /* by text: the smallest text that it is a version of */
    uint32_t *nearness;   /* by text that is such a smallest one: the least index, Q20 */
} finder;

/* ---- texts that may be alike -------------------------------------------------------------------
 */

static rs_status make_arrays(finder *f, rs_error *err)
{
    size_t subjects = rs_graph_subject_count(f->input->graph);
    size_t texts = (size_t)f->texts + 1;
    f->posters = calloc(texts, sizeof *f->posters);
    f->posts_of = calloc(subjects + 1, sizeof *f->posts_of);
    f->length = calloc(texts, sizeof *f->length);
    f->bands = malloc(texts * RSI_BANDS * sizeof *f->bands);
    f->version_of = malloc(texts * sizeof *f->version_of);
    f->nearness = malloc(texts * sizeof *f->nearness);
    if (f->posters == NULL || f->posts_of == NULL || f->length == NULL || f->bands == NULL ||
        f->version_of == NULL || f->nearness == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u texts)", f->texts);
    }
    for (size_t i = 0; i < f->post_count; i++) {
        f->posters[f->posts[i].b - f->first]++;
        f->posts_of[f->posts[i].a]++;
    }
    for (uint32_t t = 0; t < f->texts; t++) {
        f->version_of[t] = t;
        f->nearness[t] = UINT32_C(1) << 20;
    }
    return RS_OK;
}

/* The bands of all texts that somebody posted. */
static rs_status read_texts(finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    rs_names *names = NULL;
    rsi_shingles shingles = {0};
    uint32_t dense = 0;
    rs_text text;
    RS_TRY(rs_names_open(&names, rs_graph_store(f->input->graph), f->input->info.dst_type, err));
    for (;;) {
        RS_TRY(rs_names_next(names, &dense, &text, err));
        if (dense == RS_NO_NODE) {
            break;
        }
        uint32_t node = rs_graph_node(f->input->graph, f->input->info.dst_type, dense);
        if (node == RS_NO_NODE || f->posters[node - f->first] == 0) {
            continue;
        }
        RS_TRY(rsi_shingles_of(text, &shingles, err));
        f->length[node - f->first] = (uint32_t)shingles.characters;
        rsi_shingles_bands(&shingles, f->bands + (size_t)(node - f->first) * RSI_BANDS);
    }
done:
    rsi_shingles_free(&shingles);
    rs_names_close(names);
    return status;
}

/* Each pair once. */
static rs_status settle_pairs(finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    size_t kept = 0;
    RS_TRY(rsi_sort_u64(f->pairs, f->pair_count, NULL, err));
    for (size_t i = 0; i < f->pair_count; i++) {
        if (kept == 0 || f->pairs[i] != f->pairs[kept - 1]) {
            f->pairs[kept++] = f->pairs[i];
        }
    }
    f->pair_count = kept;
done:
    return status;
}

static rs_status grow_pairs(finder *f, rs_error *err)
{
    size_t room = f->pair_room == 0 ? 1024 : 2 * f->pair_room;
    uint64_t *pairs = realloc(f->pairs, room * sizeof *pairs);
    if (pairs == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu pairs of texts)", room);
    }
    f->pairs = pairs;
    f->pair_room = room;
    return RS_OK;
}

static rs_status note_pair(finder *f, uint64_t one, uint64_t other, rs_error *err)
{
    rs_status status = RS_OK;
    if (f->pair_count == f->pair_room) {
        RS_TRY(settle_pairs(f, err));
        if (f->pair_count >= f->pair_room / 2) {
            RS_TRY(grow_pairs(f, err));
        }
    }
    f->pairs[f->pair_count++] = one << 32 | other;
done:
    return status;
}

/* Texts of one band's bucket stand together, ascending. */
static rs_status pair_bucket(finder *f, const rsi_record *bucket, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 1; i < count; i++) {
        RS_TRY(note_pair(f, bucket[0].value, bucket[i].value, err));
        if (i > 1) {
            RS_TRY(note_pair(f, bucket[i - 1].value, bucket[i].value, err));
        }
    }
done:
    return status;
}

static rs_status seek_alike(finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 0;
    rsi_record *records = malloc(((size_t)f->texts + 1) * sizeof *records);
    if (records == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u texts)", f->texts);
    }
    for (size_t band = 0; band < RSI_BANDS; band++) {
        count = 0;
        for (uint32_t t = 0; t < f->texts; t++) {
            if (f->length[t] > 0) {
                uint32_t key = f->bands[(size_t)t * RSI_BANDS + band];
                records[count++] = (rsi_record){.key = key, .value = t};
            }
        }
        RS_TRY(rsi_sort_records(records, count, NULL, err));
        for (size_t i = 0, end; i < count; i = end) {
            for (end = i + 1; end < count && records[end].key == records[i].key; end++) {
            }
            RS_TRY(pair_bucket(f, records + i, end - i, err));
        }
    }
    RS_TRY(settle_pairs(f, err));
done:
    free(records);
    return status;
}

/* ---- texts that are alike ----------------------------------------------------------------------
 */

static uint32_t version_of(finder *f, uint32_t text)
{
    while (f->version_of[text] != text) {
        f->version_of[text] = f->version_of[f->version_of[text]];
        text = f->version_of[text];
    }
    return text;
}

static void join(finder *f, uint32_t one, uint32_t other, uint32_t jaccard)
{
    uint32_t a = version_of(f, one);
    uint32_t b = version_of(f, other);
    uint32_t low = a < b ? a : b;
    uint32_t high = a < b ? b : a;
    uint32_t least = f->nearness[low] < f->nearness[high] ? f->nearness[low] : f->nearness[high];
    f->version_of[high] = low;
    f->nearness[low] = jaccard < least ? jaccard : least;
}

/* The ids of the texts in pairs; *ids is NULL where there are none. */
static rs_status load_texts(finder *f, rs_ids **ids, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t bytes = 0;
    uint8_t *wanted = calloc((size_t)rs_graph_node_count(f->input->graph) + 1, 1);
    if (wanted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u texts)", f->texts);
    }
    for (size_t i = 0; i < f->pair_count; i++) {
        wanted[f->first + (f->pairs[i] >> 32)] = 1;
        wanted[f->first + (uint32_t)f->pairs[i]] = 1;
    }
    for (uint32_t t = 0; t < f->texts; t++) {
        bytes += wanted[f->first + t] != 0 ? 4 * (uint64_t)f->length[t] + 32 : 0;
    }
    RS_TRY(rsi_graph_room(f->work, f->input->info.name, "texts that may be alike", bytes, err));
    RS_TRY(rs_graph_ids(f->input->graph, wanted, ids, err));
done:
    free(wanted);
    return status;
}

static rs_status compare(finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ids *ids = NULL;
    rsi_shingles a = {0};
    rsi_shingles b = {0};
    uint32_t held = RS_NO_NODE; /* whose shingles a has */
    if (f->pair_count == 0) {
        return RS_OK;
    }
    RS_TRY(load_texts(f, &ids, err));
    for (size_t i = 0; i < f->pair_count; i++) {
        uint32_t one = (uint32_t)(f->pairs[i] >> 32);
        uint32_t other = (uint32_t)f->pairs[i];
        if (version_of(f, one) == version_of(f, other)) {
            continue;
        }
        if (held != one) {
            RS_TRY(rsi_shingles_of(rs_ids_of(ids, f->first + one), &a, err));
            held = one;
        }
        RS_TRY(rsi_shingles_of(rs_ids_of(ids, f->first + other), &b, err));
        uint32_t jaccard = rsi_shingles_jaccard(&a, &b);
        if (jaccard >= f->input->options->content_jaccard) {
            join(f, one, other, jaccard);
        }
    }
done:
    rsi_shingles_free(&a);
    rsi_shingles_free(&b);
    rs_ids_free(ids);
    return status;
}

/* ---- who posted them ---------------------------------------------------------------------------
 */

/* A text and all its versions. */
typedef struct article {
    uint32_t thing;      /* the version that most accounts posted */
    uint32_t characters; /* of the shortest version */
    uint32_t nearness;
    uint32_t users;
} article;

/* -ln p by how near its versions are, in ln N. */
static uint32_t weight_of(const finder *f, const article *what, uint32_t a, uint32_t b)
{
    uint64_t subjects = rs_graph_subject_count(f->input->graph);
    uint64_t busier = f->posts_of[a] > f->posts_of[b] ? f->posts_of[a] : f->posts_of[b];
    uint64_t ln_all = rsi_ln_q32(subjects) >> 12;
    int64_t nats = rsi_ln_ratio_q32(f->post_count, busier) - (int64_t)rsi_ln_q32(what->users);
    uint64_t surprise = nats > 0 ? (uint64_t)nats >> 12 : 0;
    uint64_t most = (uint64_t)what->characters * LN_2;
    surprise = surprise < most ? surprise : most;
    surprise = surprise < ln_all ? surprise : ln_all;
    uint64_t weight = ((surprise << 20) / ln_all) * what->nearness >> 20;
    uint64_t thing = rs_thing_weight(subjects, what->users, false);
    return (uint32_t)(weight < thing ? weight : thing);
}

/* `posts` (value: account), ascending by account, each once, are of one article. */
static rs_status link_posters(const finder *f, const article *what, const rsi_record *posts,
                              rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t count = what->users;
    uint32_t reach = count - 1 < 2 * REACH ? count - 1 : REACH; /* all pairs of few */
    uint32_t weight = rs_thing_weight(rs_graph_subject_count(f->input->graph), count, false);
    if (rs_thing_is_hub(weight, count, f->input->options->resolution)) {
        return rsi_hub_add(out, f->input, what->thing, count, err);
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 1; k <= reach; k++) {
            if (reach == count - 1 && i + k >= count) {
                break;
            }
            uint32_t a = (uint32_t)posts[i].value;
            uint32_t b = (uint32_t)posts[(i + k) % count].value;
            rs_link link = {.a = a,
                            .b = b,
                            .thing = what->thing,
                            .weight = weight_of(f, what, a, b),
                            .users = count};
            RS_TRY(rsi_link_add(out, f->input, link, err));
        }
    }
done:
    return status;
}

/* Posts of one article, by account; leaves each account once. */
static article read_article(const finder *f, rsi_record *posts, size_t count)
{
    article what = {.characters = UINT32_MAX, .nearness = f->nearness[posts[0].key]};
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t text = (uint32_t)(posts[i].value >> 32);
        uint32_t account = (uint32_t)posts[i].value;
        bool better = f->posters[text] > most || (f->posters[text] == most && text < what.thing);
        what.thing = better ? text : what.thing;
        most = better ? f->posters[text] : most;
        what.characters = f->length[text] < what.characters ? f->length[text] : what.characters;
        if (what.users == 0 || (uint32_t)posts[what.users - 1].value != account) {
            posts[what.users++].value = account;
        }
    }
    what.thing += f->first;
    return what;
}

/* Posts come by account, so those of one article do too once they are sorted by it. */
static rs_status link_all(finder *f, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 0;
    rsi_record *posts = malloc((f->post_count + 1) * sizeof *posts);
    if (posts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu posts)", f->post_count);
    }
    for (size_t i = 0; i < f->post_count; i++) {
        uint32_t text = f->posts[i].b - f->first;
        if (f->length[text] > 0) {
            posts[count++] = (rsi_record){.key = version_of(f, text),
                                          .value = (uint64_t)text << 32 | f->posts[i].a};
        }
    }
    RS_TRY(rsi_sort_records(posts, count, NULL, err));
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && posts[end].key == posts[i].key; end++) {
        }
        article what = read_article(f, posts + i, end - i);
        if (what.users > 1) {
            RS_TRY(link_posters(f, &what, posts + i, out, err));
        }
    }
done:
    free(posts);
    return status;
}

static rs_status content(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                         rs_error *err)
{
    rs_status status = RS_OK;
    rsi_end end = rsi_end_of(input->graph, input->info.dst_type);
    finder f = {.input = input, .work = work, .first = end.range.first, .texts = end.range.count};
    if (rs_graph_subject_count(input->graph) < 3) {
        goto done;
    }
    RS_TRY(rs_graph_pairs(input->graph, input->relation, &f.posts, &f.post_count, work, err));
    RS_TRY(rsi_graph_room(work, input->info.name, "texts and who posted them",
                          f.post_count * POST_BYTES + (uint64_t)f.texts * TEXT_BYTES, err));
    RS_TRY(make_arrays(&f, err));
    RS_TRY(read_texts(&f, err));
    RS_TRY(seek_alike(&f, err));
    RS_TRY(compare(&f, err));
    RS_TRY(link_all(&f, out, err));
done:
    free(f.posts);
    free(f.posters);
    free(f.posts_of);
    free(f.length);
    free(f.bands);
    free(f.pairs);
    free(f.version_of);
    free(f.nearness);
    return status;
}

static bool is_content(const rs_graph *graph, const rs_relation_info *info)
{
    const rs_store *store = rs_graph_store(graph);
    return info->kind == RS_KIND_CONTENT && rs_store_type(store, info->src_type).subject &&
           !rs_store_type(store, info->dst_type).subject;
}

const rsi_kind rsi_content = {
    .name = "content",
    .summary = "accounts post the same text, or nearly the same, and few others do",
    .in_time = true,
    .rare = true,
    .reads = is_content,
    .find = content,
};
