/* test_ladder.c - a ring that came with neighbours is cut off them; who is like all others stays.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "../evidence/small_store.h"

#include <math.h>

#include "../evidence/failing.h"
#include "score/ladder.h"

enum { HONEST = 60, FEW = 6, SIZE = 8, RING = 5, NODES_MAX = 2000, TRIM = 100 };

static small_rows rows;

typedef struct night {
    small_store small;
    rs_evidence evidence;
    rs_evidence_graph graph;
    uint32_t label[NODES_MAX];
    rs_score_input input;
} night;

static night n;
static rs_score_options options = {.trim = TRIM}; /* or trimming would cut the ring off */

static void share(const char *card, const char *a, const char *b)
{
    small_add(&rows, HAS_CARD, a, card);
    small_add(&rows, HAS_CARD, b, card);
}

/* Neighbours share cards two by two, some groups of them more than others. */
static void add_honest(int group)
{
    char a[12], b[12], card[12];
    int cards = SIZE - 1 + group % 10;
    for (int i = 0; i < cards; i++) {
        snprintf(a, sizeof a, "h%d.%d", group, i % (SIZE - 1));
        snprintf(b, sizeof b, "h%d.%d", group, i % (SIZE - 1) + 1);
        snprintf(card, sizeof card, "c%d.%d", group, i);
        share(card, a, b);
    }
}

/* All of the ring use the same cards, and one of them shares a card with a neighbour. */
static void add_ring(int cards)
{
    char a[12], card[12];
    for (int i = 0; i < RING; i++) {
        for (int k = 0; k < cards; k++) {
            snprintf(a, sizeof a, "r%d", i);
            snprintf(card, sizeof card, "rc%d", k);
            small_add(&rows, HAS_CARD, a, card);
        }
    }
    share("bridge", "r0", "h0.3");
}

/* Three accounts of one person, which a single card ties to the ring. */
static void add_person(void)
{
    for (int i = 0; i < 3; i++) {
        char id[12];
        snprintf(id, sizeof id, "e%d", i);
        small_add(&rows, HAS_DOCUMENT, id, "passport");
    }
    share("visit", "e0", "r1");
}

/* The more cards the ring has, the less a single one holds. */
static void open_night(int honest, bool ring, bool person)
{
    rs_error err = {0};
    rs_evidence_options evidence = RS_EVIDENCE_DEFAULTS;
    memset(&n, 0, sizeof n);
    rows.count = 0;
    for (int g = 0; g < honest; g++) {
        add_honest(g);
    }
    if (ring) {
        add_ring(person ? 48 : 16);
    }
    if (person) {
        add_person();
    }
    small_open(&n.small, &rows, 1000);
    small_ok(rs_evidence_find(n.small.graph, &evidence, NULL, &n.evidence, &err), &err);
    small_ok(rs_evidence_collapse(n.small.graph, &n.evidence, &n.graph, &err), &err);
    rs_link_graph links = {n.graph.node_count, n.graph.is_member, n.graph.link_count,
                           n.graph.a,          n.graph.b,         n.graph.weight};
    assert_true(n.graph.node_count <= NODES_MAX);
    rs_components(&links, n.label);
    n.input = (rs_score_input){.graph = n.small.graph,
                               .evidence = &n.evidence,
                               .collapsed = &n.graph,
                               .label = n.label,
                               .resolution = evidence.resolution / 2,
                               .pairs_max = evidence.pairs_max};
}

static void close_night(void)
{
    rs_evidence_graph_free(&n.graph);
    rs_evidence_free(&n.evidence);
    small_close(&n.small);
}

/* The night's groups, before or after the ladder. */
typedef struct groups {
    rsi_candidates candidates;
    rsi_sharing sharing;
    uint32_t *label;
} groups;

static rs_status find_in(groups *g, const rs_score_input *input, const rsi_sharing *whole,
                         rs_error *err)
{
    *g = (groups){0};
    rs_status status = rsi_candidates_find(input, options.trim, NULL, &g->candidates, err);
    if (status == RS_OK) {
        status = rsi_sharing_find(input, &g->candidates, NULL, whole, &g->sharing, err);
    }
    if (status == RS_OK) {
        status = rsi_sharing_weigh(&g->candidates, NULL, rs_graph_subject_count(input->graph), NULL,
                                   &g->sharing, err);
    }
    return status;
}

static rs_status find(groups *g, const uint32_t *label, rs_error *err)
{
    rs_score_input input = n.input;
    input.label = label;
    return find_in(g, &input, NULL, err);
}

static rs_status climb(groups *g, unsigned threads, rs_error *err)
{
    rs_work work = {.threads = threads};
    rs_status status = find(g, n.label, err);
    if (status == RS_OK) {
        status = rsi_ladder_climb(&n.input, &options, &work, &g->candidates, &g->sharing, &g->label,
                                  err);
    }
    return status;
}

static void groups_free(groups *g)
{
    rsi_candidates_free(&g->candidates);
    rsi_sharing_free(&g->sharing);
    free(g->label);
}

static size_t size_of(const groups *g, size_t group)
{
    return g->candidates.first[group + 1] - g->candidates.first[group];
}

/* Two groups are the same: members, what holds them, what they share. `weighed`: and how much that
 * is among the groups of the night. */
static void same_group(const groups *a, size_t g, const groups *b, size_t other, bool weighed)
{
    assert_int_equal(size_of(a, g), size_of(b, other));
    assert_int_equal(a->candidates.mean[g], b->candidates.mean[other]);
    assert_int_equal(a->sharing.use_first[g + 1] - a->sharing.use_first[g],
                     b->sharing.use_first[other + 1] - b->sharing.use_first[other]);
    for (size_t k = 0; k < size_of(a, g); k++) {
        size_t at = a->candidates.first[g] + k;
        size_t there = b->candidates.first[other] + k;
        assert_int_equal(a->candidates.members[at], b->candidates.members[there]);
        assert_int_equal(a->candidates.of[a->candidates.members[at]], g);
        assert_int_equal(a->candidates.inside[at], b->candidates.inside[there]);
    }
    for (size_t c = 0; c < a->sharing.column_count; c++) {
        const rsi_column *one = &a->sharing.columns[c];
        const rsi_column *two = &b->sharing.columns[c];
        assert_true(fabs(one->amount[g] - two->amount[other]) < 1e-9);
        assert_true(fabs(one->own[g] - two->own[other]) < 1e-9);
        assert_true(!weighed || fabs(one->decades[g] - two->decades[other]) < 1e-9);
    }
}

/* Two lists of groups are the same, in whatever order. */
static void same_groups(const groups *a, const groups *b)
{
    assert_int_equal(a->candidates.count, b->candidates.count);
    for (size_t g = 0; g < a->candidates.count; g++) {
        size_t other = b->candidates.of[a->candidates.members[a->candidates.first[g]]];
        assert_true(other < b->candidates.count);
        same_group(a, g, b, other, true);
    }
}

static void cuts_a_ring_off_its_neighbours(void **state)
{
    groups before, after, again;
    rs_error err = {0};
    (void)state;
    open_night(HONEST, true, false);
    small_ok(find(&before, n.label, &err), &err);
    uint32_t ring = small_account(&n.small, "r1");
    uint32_t neighbour = small_account(&n.small, "h0.6");
    assert_int_equal(before.candidates.of[ring], before.candidates.of[neighbour]);
    small_ok(climb(&after, 1, &err), &err);
    size_t g = after.candidates.of[ring];
    assert_true(g < after.candidates.count);
    assert_int_equal(size_of(&after, g), RING);
    assert_true(after.candidates.of[neighbour] != g);
    assert_true(after.candidates.count > before.candidates.count);
    /* What is put together from rungs is what such a cut gives by itself. */
    small_ok(find(&again, after.label, &err), &err);
    same_groups(&after, &again);
    groups_free(&again);
    groups_free(&after);
    groups_free(&before);
    close_night();
}

/* Trimming takes the person out of the part that is kept; three accounts of one are a group. */
static void loses_nobody_who_is_a_group_alone(void **state)
{
    groups before, after;
    rs_error err = {0};
    (void)state;
    open_night(HONEST, true, true);
    options.trim = 40; /* it is more than a 40th of the mean with the neighbours, less without */
    small_ok(find(&before, n.label, &err), &err);
    uint32_t ring = small_account(&n.small, "r1");
    uint32_t person = small_account(&n.small, "e0");
    assert_int_equal(before.candidates.of[ring], before.candidates.of[person]);
    small_ok(climb(&after, 1, &err), &err);
    assert_true(after.candidates.of[person] < after.candidates.count);
    assert_int_equal(size_of(&after, after.candidates.of[ring]), RING);
    assert_int_equal(size_of(&after, after.candidates.of[person]), 3);
    options.trim = TRIM;
    groups_free(&after);
    groups_free(&before);
    close_night();
}

/* Of every third community all that there is of it on the night. */
static void look_at_every_third(const groups *before, bool lent)
{
    groups after;
    rs_error err = {0};
    rsi_ladder_view view;
    uint8_t looked[NODES_MAX] = {0};
    uint32_t vertex[NODES_MAX];
    rsi_vertices_map(&n.input, vertex);
    for (size_t g = 0; g < before->candidates.count; g += 3) {
        looked[n.label[vertex[before->candidates.members[before->candidates.first[g]]]]] = 1;
    }
    small_ok(rsi_ladder_view_make(&view, &n.input, looked, vertex, lent, NULL, &err), &err);
    assert_true(view.collapsed.link_count < n.graph.link_count);
    assert_true((view.input.evidence->link_count < n.evidence.link_count) != lent);
    small_ok(find_in(&after, &view.input, &before->sharing, &err), &err);
    size_t count =
        (before->candidates.count + 2) / 3; /* and the person, whom no cut makes a group */
    assert_int_equal(after.candidates.count, count + 1);
    for (size_t g = 0; g < count; g++) {
        size_t there = before->candidates.of[after.candidates.members[after.candidates.first[g]]];
        assert_int_equal(there % 3, 0);
        same_group(&after, g, before, there, false);
    }
    groups_free(&after);
    rsi_ladder_view_free(&view);
}

/* So do large nights, and their rungs. */
static void looks_at_a_part_of_a_night_as_at_the_whole(void **state)
{
    groups before;
    rs_error err = {0};
    (void)state;
    open_night(HONEST, true, true);
    small_ok(find(&before, n.label, &err), &err);
    look_at_every_third(&before, false);
    look_at_every_third(&before, true);
    groups_free(&before);
    close_night();
}

static void leaves_alone_who_is_like_the_others(void **state)
{
    groups before, after;
    rs_error err = {0};
    (void)state;
    open_night(HONEST, false, false);
    small_ok(find(&before, n.label, &err), &err);
    small_ok(climb(&after, 1, &err), &err);
    same_groups(&after, &before);
    assert_memory_equal(after.label, n.label, n.graph.node_count * sizeof *n.label);
    groups_free(&after);
    groups_free(&before);
    close_night();
}

static void is_the_same_on_any_number_of_threads(void **state)
{
    groups one, three;
    rs_error err = {0};
    (void)state;
    open_night(HONEST, true, false);
    small_ok(climb(&one, 1, &err), &err);
    small_ok(climb(&three, 3, &err), &err);
    same_groups(&one, &three);
    assert_memory_equal(one.label, three.label, n.graph.node_count * sizeof *one.label);
    groups_free(&one);
    groups_free(&three);
    close_night();
}

static rs_status climb_again(void *context, rs_error *err)
{
    groups g;
    (void)context;
    rs_status status = climb(&g, 1, err);
    groups_free(&g);
    return status;
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    open_night(FEW, true, false);
    assert_true(failing_each(climb_again, NULL) > 100);
    close_night();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_a_ring_off_its_neighbours),
        cmocka_unit_test(loses_nobody_who_is_a_group_alone),
        cmocka_unit_test(looks_at_a_part_of_a_night_as_at_the_whole),
        cmocka_unit_test(leaves_alone_who_is_like_the_others),
        cmocka_unit_test(is_the_same_on_any_number_of_threads),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests_name("the ladder of resolutions", tests, NULL, NULL);
}
