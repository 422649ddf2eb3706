/* test_score.c - hand-worked groups, known members by exact chances, and a whole night's findings.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "../evidence/small_store.h"

#include <math.h>

#include "../evidence/failing.h"
#include "ringscope/detect.h"
#include "ringscope/report.h"
#include "ringscope/score.h"
#include "score/candidates.h"
#include "score/sharing.h"

enum { NODES_MAX = 2000 };

static small_rows rows;

/* All that scoring needs, made by the stages before it. */
typedef struct night {
    small_store small;
    rs_evidence evidence;
    rs_evidence_graph graph;
    uint32_t label[NODES_MAX];
    uint32_t oddity[NODES_MAX];
    int64_t spread[NODES_MAX];
    int64_t seed[NODES_MAX];
    rs_list blacklist, whitelist;
    rs_score_input input;
} night;

static night n;

static void open_night(uint32_t others)
{
    rs_error err = {0};
    rs_evidence_options options = RS_EVIDENCE_DEFAULTS;
    memset(&n, 0, sizeof n);
    small_open(&n.small, &rows, others);
    assert_true(rs_graph_node_count(n.small.graph) <= NODES_MAX);
    small_ok(rs_evidence_find(n.small.graph, &options, NULL, &n.evidence, &err), &err);
    small_ok(rs_evidence_collapse(n.small.graph, &n.evidence, &n.graph, &err), &err);
    rs_link_graph links = {.node_count = n.graph.node_count,
                           .is_member = n.graph.is_member,
                           .link_count = n.graph.link_count,
                           .a = n.graph.a,
                           .b = n.graph.b,
                           .weight = n.graph.weight};
    rs_components(&links, n.label);
    n.input = (rs_score_input){.graph = n.small.graph,
                               .evidence = &n.evidence,
                               .collapsed = &n.graph,
                               .label = n.label,
                               .resolution = options.resolution,
                               .blacklist = &n.blacklist,
                               .whitelist = &n.whitelist,
                               .seed = n.seed,
                               .spread = n.spread,
                               .oddity = n.oddity,
                               .pairs_max = options.pairs_max};
}

static void close_night(void)
{
    rs_evidence_graph_free(&n.graph);
    rs_evidence_free(&n.evidence);
    free(n.blacklist.entries);
    free(n.whitelist.entries);
    small_close(&n.small);
}

static void list(rs_list *into, uint32_t node, int64_t seed)
{
    into->entries = realloc(into->entries, (into->count + 1) * sizeof *into->entries);
    into->entries[into->count++] = (rs_list_entry){.node = node, .strength = 1000000};
    n.seed[node] = seed;
}

static void blacklist(const char *id)
{
    list(&n.blacklist, small_account(&n.small, id), RS_RISK_ONE);
}

/* ---- sharing ----------------------------------------------------------------------------------
 */

/* The amount of an account's group in a column, or the part that no stronger column explains. */
static double look_up(const char *column, uint32_t account, bool own)
{
    rsi_candidates groups;
    rsi_sharing sharing;
    rs_error err = {0};
    double amount = -1;
    small_ok(rsi_candidates_find(&n.input, 5, NULL, &groups, &err), &err);
    small_ok(rsi_sharing_find(&n.input, &groups, NULL, NULL, &sharing, &err), &err);
    for (size_t c = 0; c < sharing.column_count; c++) {
        if (strcmp(sharing.columns[c].name, column) == 0) {
            const rsi_column *found = &sharing.columns[c];
            amount = own ? found->own[groups.of[account]] : found->amount[groups.of[account]];
        }
    }
    rsi_sharing_free(&sharing);
    rsi_candidates_free(&groups);
    return amount;
}

static double amount_of(const char *column, uint32_t account)
{
    return look_up(column, account, false);
}

static double rarity(double subjects, double users)
{
    return log(subjects / users) / log(subjects);
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-5;
}

/* Four share a device; two of them a card, too: 0.15 of the weaker column of that pair. */
static void spreads_a_thing_of_few_over_its_pairs(void **state)
{
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 4, "d");
    small_share(&rows, HAS_CARD, 'a', 2, "c");
    open_night(96);
    uint32_t a0 = small_account(&n.small, "a0");
    double device = rarity(100, 4) * 2 / 4;
    double card = rarity(100, 2);
    assert_true(near(amount_of("shared_device", a0), 6 * device));
    assert_true(near(look_up("shared_device", a0, true), 5 * device + 0.15 * device));
    assert_true(near(amount_of("shared_card", a0), card));
    assert_true(near(look_up("shared_card", a0, true), card));
    assert_true(near(amount_of("shared_address", a0), 0));
    close_night();
}

/* Nine share a device and hang on it: rarity x (k - 1), undivided. */
static void counts_a_star_by_its_members(void **state)
{
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 9, "d");
    open_night(991);
    assert_true(
        near(amount_of("shared_device", small_account(&n.small, "a0")), 8 * rarity(1000, 9)));
    close_night();
}

/* Accounts of one person count once; the identity is a column of its own, a placeholder is none. */
static void counts_a_person_once(void **state)
{
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 9, "d");
    small_share(&rows, HAS_DOCUMENT, 'a', 3, "p");
    small_share(&rows, HAS_VOICE, 'a', 9, "000");
    for (int i = 0; i < 30; i++) {
        char id[12];
        snprintf(id, sizeof id, "b%d", i);
        small_add(&rows, HAS_VOICE, id, "000");
    }
    open_night(500);
    uint32_t a0 = small_account(&n.small, "a0");
    assert_true(near(amount_of("shared_device", a0), 6 * rarity(539, 9)));
    assert_true(near(amount_of("identity_document", a0), 2));
    assert_true(near(amount_of("identity_voice", a0), 0));
    close_night();
}

/* A meeting counts by the weight of its link, in a column of its own. */
static void counts_meetings_by_their_links(void **state)
{
    double expected = 0;
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 3, "d");
    for (int day = 0; day < 2; day++) {
        small_add_at(&rows, IS_AT, "a0", "p", day * 86400);
        small_add_at(&rows, IS_AT, "a1", "p", day * 86400 + 60);
    }
    small_add_at(&rows, IS_AT, "b0", "q", 20 * 86400); /* a span of twenty days */
    small_add_at(&rows, IS_AT, "b1", "q", 20 * 86400);
    open_night(500);
    for (size_t i = 0; i < n.evidence.link_count; i++) {
        const rs_link *link = &n.evidence.links[i];
        if (strcmp(rs_evidence_kind_name(link->kind), "window") == 0) {
            expected += link->weight / (double)RS_WEIGHT_ONE;
        }
    }
    assert_true(expected > 0.1);
    assert_true(near(amount_of("same_time_address", small_account(&n.small, "a0")), expected));
    close_night();
}

static const rs_ring_thing *thing_of(const rs_findings *found, const rs_ring *ring,
                                     const char *type)
{
    for (size_t i = ring->thing_first; i < ring->thing_first + ring->thing_count; i++) {
        if (strcmp(rs_graph_range_of(n.small.graph, found->things[i].node).type, type) == 0) {
            return &found->things[i];
        }
    }
    fail_msg("no %s is shared", type);
    return NULL;
}

static rs_findings score(uint32_t min_score, uint32_t facts_max);

/* Too many use the place for it to be shared, but two pairs of three people meet there. */
static void counts_each_member_of_a_thing_once(void **state)
{
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 3, "d");
    for (int day = 0; day < 4; day++) {
        small_add_at(&rows, IS_AT, day < 2 ? "a0" : "a2", "p", day * 86400);
        small_add_at(&rows, IS_AT, "a1", "p", day * 86400 + 60);
    }
    for (int other = 0; other < 200; other++) {
        char id[12];
        snprintf(id, sizeof id, "o%d", other);
        small_add_at(&rows, IS_AT, id, "p", (10 + other) * 86400);
    }
    open_night(1000);
    rs_findings found = score(0, 12);
    assert_int_equal(found.ring_count, 1);
    assert_int_equal(thing_of(&found, found.rings, "address")->shared_by, 3);
    assert_int_equal(thing_of(&found, found.rings, "device")->shared_by, 3);
    rs_findings_free(&found);
    close_night();
}

/* ---- a night ----------------------------------------------------------------------------------
 */

/* `families` of three who share a device, and one ring of twelve who share more and more. */
static void fill_night(int families, bool ring)
{
    rows.count = 0;
    for (int f = 0; f < families; f++) {
        char thing[12];
        snprintf(thing, sizeof thing, "f%d", f);
        for (int i = 0; i < 3 + f % 2; i++) {
            char id[12];
            snprintf(id, sizeof id, "x%d.%d", f, i);
            small_add(&rows, USES_DEVICE, id, thing);
            small_add(&rows, f % 3 == 0 ? HAS_CARD : IS_AT, id, thing);
        }
    }
    for (int i = 0; ring && i < 12; i++) {
        for (int k = 0; k < 4; k++) {
            char id[12];
            char thing[12];
            snprintf(id, sizeof id, "r%d", i);
            snprintf(thing, sizeof thing, "r%d", (i + k * k) % 12);
            small_add(&rows, USES_DEVICE, id, thing);
            small_add(&rows, HAS_CARD, id, thing);
        }
    }
}

static rs_findings score(uint32_t min_score, uint32_t facts_max)
{
    rs_findings findings;
    rs_error err = {0};
    rs_score_options options = RS_SCORE_DEFAULTS;
    options.min_score = min_score;
    options.facts_max = facts_max;
    small_ok(rs_score(&n.input, &options, NULL, &findings, &err), &err);
    return findings;
}

static void check_ring(const rs_findings *found, size_t r)
{
    const rs_ring *ring = &found->rings[r];
    uint64_t weights = 0;
    assert_true(ring->member_count >= 3 && ring->reason_count > 0);
    assert_int_equal(strlen(ring->id), 15);
    assert_true(
        r == 0 || found->rings[r - 1].score > ring->score ||
        (found->rings[r - 1].score == ring->score && strcmp(found->rings[r - 1].id, ring->id) < 0));
    for (size_t i = 0; i < ring->reason_count; i++) {
        const rs_reason *reason = &found->reasons[ring->reason_first + i];
        weights += reason->weight;
        assert_true(i == 0 || reason[-1].weight >= reason->weight);
        assert_true(reason->fact_count >= 1 && reason->fact_count <= 2);
        assert_true(reason->member_count <= ring->member_count);
        for (size_t f = 0; f < reason->fact_count; f++) {
            const rs_fact *fact = &found->facts[reason->fact_first + f];
            assert_true(fact->user_count >= 1 && fact->user_count <= ring->member_count);
        }
    }
    assert_int_equal(weights, RS_MILLION);
    for (size_t i = 0; i < ring->member_count; i++) {
        const rs_ring_member *member = &found->members[ring->member_first + i];
        assert_int_equal(found->nodes[member->node].ring, r);
        assert_true(member->membership <= RS_MILLION);
        assert_true(
            i == 0 || member[-1].membership > member->membership ||
            (member[-1].membership == member->membership && member[-1].node < member->node));
    }
}

static int heavier_first(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a < b) - (a > b);
}

/* The weights of a member's links inside its community, the largest first; how many. Nobody is
 * trimmed here, and nobody two accounts. */
static size_t weights_of(uint32_t node, uint32_t *weights, uint64_t *sum)
{
    const rs_evidence_graph *g = n.input.collapsed;
    size_t count = 0;
    *sum = 0;
    for (size_t i = 0; i < g->link_count; i++) {
        if ((g->nodes[g->a[i]] == node || g->nodes[g->b[i]] == node) &&
            n.input.label[g->a[i]] == n.input.label[g->b[i]]) {
            weights[count++] = g->weight[i];
            *sum += g->weight[i];
        }
    }
    qsort(weights, count, sizeof *weights, heavier_first);
    return count;
}

/* The definition: no fewer links reach what belonging asks for, and these do. */
static void check_ties(const rs_findings *found, size_t r)
{
    uint32_t weights[NODES_MAX];
    uint64_t sum, mean = 0;
    const rs_ring *ring = &found->rings[r];
    for (size_t i = 0; i < ring->member_count; i++) {
        weights_of(found->members[ring->member_first + i].node, weights, &sum);
        mean += sum;
    }
    mean = mean / ring->member_count / 5;
    uint64_t asked = n.input.resolution * (ring->member_count - 1);
    asked = asked > mean ? asked : mean;
    for (size_t k = ring->member_first; k < ring->member_first + ring->member_count; k++) {
        rs_member_ties ties = found->member_ties[k];
        size_t count = weights_of(found->members[k].node, weights, &sum);
        uint64_t reached = 0;
        assert_true(k < found->tied_count && ties.needed >= 1 && ties.needed <= count);
        assert_int_equal(ties.count, ties.needed < RS_TIES_MAX ? ties.needed : RS_TIES_MAX);
        for (size_t i = 0; i < ties.needed; i++) {
            assert_true(i == 0 || reached < asked);
            reached += weights[i];
        }
        assert_true(reached >= asked || ties.needed == count);
        for (size_t i = 0; i < ties.count; i++) {
            const rs_ring_tie *tie = &found->ties[ties.first + i];
            assert_int_equal(tie->weight, (uint64_t)weights[i] * RS_MILLION / sum);
            assert_true(tie->kind < rs_evidence_kind_count() && tie->relation != UINT16_MAX);
            assert_true(tie->node != found->members[k].node && tie->thing != tie->node);
        }
    }
}

/* All groups are reported: base is the score of one with no decades among so many. */
static void check_beyond_chance(const rs_findings *found)
{
    double base = 1 / (1 + pow(10, (log10(fmax(25, (double)found->ring_count)) + 1) / 2));
    for (size_t r = 0; r < found->ring_count; r++) {
        const rs_ring *ring = &found->rings[r];
        double beyond = fmax(0, (ring->score / 1e6 - base) / (1 - base));
        for (size_t i = 0; i < ring->member_count; i++) {
            const rs_ring_member *member = &found->members[ring->member_first + i];
            double wanted = beyond * member->membership / 1e6;
            assert_true(fabs(found->nodes[member->node].ring_score / 1e6 - wanted) < 4e-6);
        }
    }
}

static void gives_every_ring_reasons_that_are_whole(void **state)
{
    (void)state;
    fill_night(60, true);
    open_night(1200);
    blacklist("r0");
    blacklist("r1");
    blacklist("r2");
    blacklist("x3.0");
    for (uint32_t v = 0; v < NODES_MAX; v++) {
        n.spread[v] = (int64_t)v * 10000000 - 3000000000;
        n.oddity[v] = v * 7 % RS_ODDITY_MAX;
    }
    rs_findings found = score(0, 2);
    assert_int_equal(found.ring_count, 61);
    assert_int_equal(found.rings[0].member_count, 12);
    assert_int_equal(found.rings[0].stability, RS_MILLION);
    for (size_t r = 0; r < found.ring_count; r++) {
        check_ties(&found, r);
    }
    for (size_t r = 0; r < found.ring_count; r++) {
        check_ring(&found, r);
    }
    assert_int_equal(found.rings[0].member_count, 12);
    assert_true(found.rings[0].score > RS_MILLION / 2);
    assert_true(found.rings[1].score < RS_MILLION / 2);
    for (uint32_t v = 0; v < rs_graph_node_count(n.small.graph); v++) {
        const rs_node_risk *node = &found.nodes[v];
        double left =
            (1 - node->spread / 1e6) * (1 - node->oddity / 1e6) * (1 - node->ring_score / 1e6);
        assert_true(fabs(node->risk / 1e6 - (1 - left)) < 1.1e-6);
        double spread = (double)n.spread[v] / RS_RISK_ONE;
        assert_true(fabs(node->spread / 1e6 - fmax(0, fmin(1, spread))) < 1.1e-6);
        assert_true(v < rs_graph_subject_count(n.small.graph) || node->oddity == 0);
    }
    check_beyond_chance(&found);
    rs_findings_free(&found);
    rs_findings few = score(RS_MILLION / 2, 1);
    assert_int_equal(few.ring_count, 1);
    rs_findings_free(&few);
    close_night();
}

/* The ring's community in two: those who share more with the other half are bridges. */
static void calls_a_bridge_who_is_tied_more_to_others(void **state)
{
    size_t bridges = 0;
    (void)state;
    fill_night(60, true);
    open_night(1200);
    const rs_evidence_graph *g = &n.graph;
    uint32_t r0 = small_account(&n.small, "r0");
    uint32_t community = 0;
    uint32_t count = 0;
    uint32_t half = UINT32_MAX;
    for (uint32_t v = 0; v < g->node_count; v++) {
        community = g->nodes[v] == r0 ? n.label[v] : community;
    }
    for (uint32_t v = 0; v < g->node_count; v++) {
        if (n.label[v] == community && count++ % 2 == 1) {
            half = v < half ? v : half;
            n.label[v] = half;
        }
    }
    rs_findings found = score(0, 12);
    for (size_t r = 0; r < found.ring_count; r++) {
        for (size_t i = 0; i < found.rings[r].member_count; i++) {
            const rs_ring_member *member = &found.members[found.rings[r].member_first + i];
            uint32_t weights[NODES_MAX];
            uint64_t inside = 0;
            uint64_t all = 0;
            weights_of(member->node, weights, &inside);
            for (size_t k = 0; k < g->link_count; k++) {
                bool own = g->nodes[g->a[k]] == member->node || g->nodes[g->b[k]] == member->node;
                all += own ? g->weight[k] : 0;
            }
            assert_int_equal(member->role == RS_ROLE_BRIDGE, all > 2 * inside);
            bridges += member->role == RS_ROLE_BRIDGE;
        }
    }
    assert_true(bridges > 0);
    rs_findings_free(&found);
    close_night();
}

static void suspects_nobody_among_equals(void **state)
{
    (void)state;
    fill_night(60, false);
    open_night(1000);
    rs_findings found = score(0, 12);
    assert_int_equal(found.ring_count, 60);
    assert_true(found.rings[0].score < RS_MILLION / 2);
    uint32_t last = found.members[found.rings[59].member_first].node;
    assert_true(found.rings[59].score > 0); /* a group like any other is little reason */
    assert_true(found.nodes[last].ring_score < found.rings[59].score / 2);
    rs_findings_free(&found);
    close_night();
}

/* Company is as much as it says where the group says less, two fifths at the most, and nothing for
 * who is cleared. */
static void takes_company_for_a_part_of_the_risk(void **state)
{
    (void)state;
    fill_night(60, true);
    open_night(1200);
    uint32_t subjects = rs_graph_subject_count(n.small.graph);
    list(&n.whitelist, small_account(&n.small, "r0"), -RS_RISK_ONE);
    rs_findings plain = score(0, 12);
    free(n.evidence.company);
    n.evidence.company = calloc(subjects + 1, sizeof *n.evidence.company);
    for (uint32_t v = 0; v < subjects; v++) {
        n.evidence.company[v] = v % 5 * (RS_WEIGHT_ONE / 4);
    }
    rs_findings found = score(0, 12);
    size_t raised = 0;
    for (uint32_t v = 0; v < subjects; v++) {
        uint32_t own = v % 5 * (RS_MILLION / 10);
        uint32_t before = plain.nodes[v].ring_score;
        uint32_t wanted = own > before && v != small_account(&n.small, "r0") ? own : before;
        assert_int_equal(found.nodes[v].ring_score, wanted);
        raised += wanted > before;
    }
    assert_true(raised > subjects / 2);
    assert_int_equal(found.ring_count, plain.ring_count);
    rs_findings_free(&plain);
    rs_findings_free(&found);
    close_night();
}

/* ---- lists ------------------------------------------------------------------------------------
 */

/* What lists and evidence come to, of a score among so few groups that 25 are reckoned with. */
static double decades_of(uint32_t score_now)
{
    double odds = score_now / 1e6 / (1 - score_now / 1e6);
    return 2 * log10(odds) + log10(25) + 1;
}

/* The decades of the ring with the most members. */
static double decades_now(void)
{
    rs_findings found = score(0, 12);
    size_t largest = 0;
    for (size_t r = 1; r < found.ring_count; r++) {
        largest = found.rings[r].member_count > found.rings[largest].member_count ? r : largest;
    }
    double decades = decades_of(found.rings[largest].score);
    rs_findings_free(&found);
    return decades;
}

/* One group, which is like any other: all that lists say brings it nearer to the threshold. */
static double towards(double listed)
{
    double threshold = log10(25) + 1;
    return listed * threshold / (listed + threshold);
}

/* P(at least one of n is among K of N) by the product, and by all ways to choose. */
static void weighs_known_members_by_their_exact_chance(void **state)
{
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 3, "d");
    open_night(17); /* N = 20, one group */
    double found[4];
    static const char *const names[] = {"a0", "a1", "a2"};
    for (int known = 0; known <= 3; known++) {
        found[known] = decades_now();
        if (known < 3) {
            blacklist(names[known]);
        }
    }
    double all = 20 * 19 * 18 / 6.0;
    double one = 1 - 19 * 18 * 17 / 6.0 / all; /* K = 1 */
    double two = 18 / all;                     /* both of K = 2 */
    double three = 1 / all;                    /* all of K = 3 */
    const double expected[] = {0, -log10(one), -log10(two), -log10(three)};
    for (int known = 0; known <= 3; known++) {
        double most = fmin(expected[known], 1.5 * known);
        assert_true(fabs(found[known] - towards(most)) < 1e-4);
    }
    close_night();
}

static void believes_a_listing_as_far_as_it_is_strong(void **state)
{
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 3, "d");
    open_night(17);
    blacklist("a0");
    double whole = -log10(3 / 20.0);
    assert_true(fabs(decades_now() - towards(whole)) < 1e-4);
    n.seed[small_account(&n.small, "a0")] = RS_RISK_ONE / 4;
    assert_true(fabs(decades_now() - towards(1.5 / 4)) < 1e-4);
    n.seed[small_account(&n.small, "a0")] = 0; /* faded away */
    assert_true(fabs(decades_now()) < 1e-4);
    close_night();
}

/* Twelve who share much of their own get all of what a listing says; families nothing that makes
 * one of them a suspect. */
static void makes_nobody_a_suspect_by_lists_alone(void **state)
{
    (void)state;
    fill_night(20, false);
    open_night(300);
    for (int f = 0; f < 20; f++) {
        for (int i = 0; i < 3; i++) {
            char id[12];
            snprintf(id, sizeof id, "x%d.%d", f, i);
            if (f % 7 == 0) {
                blacklist(id);
            }
        }
    }
    rs_findings found = score(0, 12);
    assert_int_equal(found.ring_count, 20);
    assert_true(found.rings[0].score < RS_SUSPECT && found.rings[0].score > found.rings[9].score);
    rs_findings_free(&found);
    close_night();
}

/* The chance that the one listed of the three things that groups share is the group's own. */
static void counts_things_that_are_known(void **state)
{
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 4, "d");
    small_share(&rows, USES_DEVICE, 'b', 3, "e");
    small_share(&rows, HAS_CARD, 'b', 3, "f");
    open_night(40);
    double without = decades_now();
    uint32_t device = rs_graph_subject_count(n.small.graph);
    rs_findings found = score(0, 12);
    for (size_t r = 0; r < found.ring_count; r++) {
        device = found.rings[r].member_count == 4 ? found.things[found.rings[r].thing_first].node
                                                  : device;
    }
    rs_findings_free(&found);
    list(&n.blacklist, device, RS_RISK_ONE);
    double own = without; /* at most that much counts whole */
    double listed = -log10(1 / 3.0);
    double whole = fmin(own, listed);
    double rest = listed - whole;
    double missing = log10(25) + 1 - own - whole;
    assert_true(fabs(decades_now() - (own + whole + rest * missing / (rest + missing))) < 1e-4);
    found = score(0, 12);
    size_t reasons = 0;
    for (size_t r = 0; r < found.ring_count; r++) {
        const rs_ring *ring = &found.rings[r];
        for (size_t i = 0; i < ring->reason_count; i++) {
            const rs_reason *reason = &found.reasons[ring->reason_first + i];
            if (strcmp(reason->kind, "known_things") == 0) {
                assert_int_equal(ring->member_count, 4);
                assert_int_equal(reason->member_count, 4);
                assert_int_equal(reason->thing_count, 1);
                assert_int_equal(reason->fact_count, 1);
                assert_int_equal(found.facts[reason->fact_first].thing, device);
                reasons++;
            }
        }
    }
    assert_int_equal(reasons, 1);
    rs_findings_free(&found);
    close_night();
}

/* A ring of twelve, `known` of which are known and `cleared` cleared. */
static rs_findings clear_ring(int known, int cleared)
{
    fill_night(60, true);
    open_night(1200);
    for (int i = 0; i < 12; i++) {
        char id[12];
        snprintf(id, sizeof id, "r%d", i);
        if (i < known) {
            blacklist(id);
        } else if (i < known + cleared) {
            list(&n.whitelist, small_account(&n.small, id), -RS_RISK_ONE);
        }
    }
    return score(0, 12);
}

static void clears_members_of_the_rings_part_of_risk(void **state)
{
    (void)state;
    rs_findings found = clear_ring(3, 0);
    uint32_t before = found.rings[0].score;
    assert_true(before > RS_SUSPECT);
    rs_findings_free(&found);
    close_night();
    found = clear_ring(3, 2);
    assert_int_equal(found.rings[0].member_count, 12);
    assert_true(found.rings[0].score < before);
    int cleared = 0;
    for (size_t i = 0; i < 12; i++) {
        const rs_ring_member *member = &found.members[found.rings[0].member_first + i];
        assert_int_equal(found.nodes[member->node].ring_score == 0, member->cleared);
        cleared += member->cleared;
    }
    assert_int_equal(cleared, 2);
    rs_findings_free(&found);
    close_night();
}

static void suspects_no_ring_whose_members_are_known_or_cleared(void **state)
{
    (void)state;
    for (int known = 0; known <= 10; known += 5) {
        rs_findings found = clear_ring(known, 12 - known);
        for (size_t r = 0; r < found.ring_count; r++) {
            assert_true(found.rings[r].score < RS_SUSPECT);
        }
        rs_findings_free(&found);
        close_night();
    }
}

/* r1 is cleared, but the same person as r0, who is known. */
static void disputes_who_is_the_same_person_as_a_known_one(void **state)
{
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'r', 5, "d");
    small_add(&rows, HAS_DOCUMENT, "r0", "p");
    small_add(&rows, HAS_DOCUMENT, "r1", "p");
    open_night(60);
    blacklist("r0");
    list(&n.whitelist, small_account(&n.small, "r1"), 0);
    list(&n.whitelist, small_account(&n.small, "r2"), -RS_RISK_ONE);
    rs_findings found = score(0, 12);
    assert_int_equal(found.ring_count, 1);
    for (size_t i = 0; i < found.rings[0].member_count; i++) {
        const rs_ring_member *member = &found.members[found.rings[0].member_first + i];
        assert_int_equal(member->known, member->node == small_account(&n.small, "r0"));
        assert_int_equal(member->disputed, member->node == small_account(&n.small, "r1"));
        assert_int_equal(member->cleared, member->node == small_account(&n.small, "r2"));
    }
    rs_findings_free(&found);
    close_night();
}

static rs_status again(void *context, rs_error *err)
{
    rs_findings found;
    rs_score_options options = RS_SCORE_DEFAULTS;
    (void)context;
    options.steady_max = 0; /* thousands of allocations: detect/test_steady.c */
    rs_status status = rs_score(&n.input, &options, NULL, &found, err);
    rs_findings_free(&found);
    return status;
}

static rs_status report(const rs_work *work, void *context, rs_error *err)
{
    rs_findings found;
    rs_score_options options = RS_SCORE_DEFAULTS;
    (void)context;
    rs_status status = rs_score(&n.input, &options, work, &found, err);
    rs_findings_free(&found);
    return status;
}

static void survives_failed_allocations_and_stops_when_asked_to(void **state)
{
    (void)state;
    fill_night(12, true);
    small_share(&rows, HAS_DOCUMENT, 'x', 4, "p");
    open_night(100);
    blacklist("r0");
    assert_true(failing_each(again, NULL) > 50);
    assert_true(failing_interrupt(report, NULL) >= 4);
    close_night();
}

static void scores_nothing_of_nothing(void **state)
{
    (void)state;
    rows.count = 0;
    open_night(0);
    rs_findings found = score(0, 12);
    assert_int_equal(found.ring_count, 0);
    rs_findings_free(&found);
    close_night();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spreads_a_thing_of_few_over_its_pairs),
        cmocka_unit_test(counts_a_star_by_its_members),
        cmocka_unit_test(counts_a_person_once),
        cmocka_unit_test(counts_meetings_by_their_links),
        cmocka_unit_test(counts_each_member_of_a_thing_once),
        cmocka_unit_test(gives_every_ring_reasons_that_are_whole),
        cmocka_unit_test(calls_a_bridge_who_is_tied_more_to_others),
        cmocka_unit_test(suspects_nobody_among_equals),
        cmocka_unit_test(takes_company_for_a_part_of_the_risk),
        cmocka_unit_test(weighs_known_members_by_their_exact_chance),
        cmocka_unit_test(believes_a_listing_as_far_as_it_is_strong),
        cmocka_unit_test(makes_nobody_a_suspect_by_lists_alone),
        cmocka_unit_test(counts_things_that_are_known),
        cmocka_unit_test(clears_members_of_the_rings_part_of_risk),
        cmocka_unit_test(suspects_no_ring_whose_members_are_known_or_cleared),
        cmocka_unit_test(disputes_who_is_the_same_person_as_a_known_one),
        cmocka_unit_test(survives_failed_allocations_and_stops_when_asked_to),
        cmocka_unit_test(scores_nothing_of_nothing),
    };
    return cmocka_run_group_tests_name("scores", tests, NULL, NULL);
}
