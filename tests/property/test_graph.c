/* test_graph.c - what a graph says follows from the events alone: not from the order of rows, the
 * cut into batches, the runs in which edges are lent or the threads; and it is what the definitions
 * say.
 *
 * Random worlds with few ids, so that pairs, selves and shared things repeat; ids hold any bytes.
 * In half of them the hash is cut down to a few bits, so that most nodes are tied.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
/* WRAP: rsi_hash_128 rs_store_type_count rs_store_relation_count rs_store_type rs_store_relation rs_store_type_named rs_store_find rs_scan_open rs_scan_next rs_scan_close rs_names_open rs_names_next rs_names_close */
/* clang-format on */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../unit/graph/fake_store.h"
#include "base/hash.h"

enum { WORLDS = 100, NODES_MAX = 400 };

/* ---- a hash of as many bits as the test wants
 * ---------------------------------------------------- */

static uint64_t hash_mask = UINT64_MAX;
static uint32_t told_by_timelines;
static uint32_t told_by_files;
static uint64_t parts_seen;

rsi_hash128 __real_rsi_hash_128(const void *bytes, size_t length, uint64_t seed);
rsi_hash128 __wrap_rsi_hash_128(const void *bytes, size_t length, uint64_t seed);

rsi_hash128 __wrap_rsi_hash_128(const void *bytes, size_t length, uint64_t seed)
{
    rsi_hash128 hash = __real_rsi_hash_128(bytes, length, seed);
    return (rsi_hash128){.high = hash.high & hash_mask, .low = hash.low & hash_mask};
}

/* ---- worlds
 * -------------------------------------------------------------------------------------- */

enum { ACCOUNT, CARD, IP, PERSON };

static const fake_world plan = {
    .type_count = 4,
    .types = {{.name = "account", .subject = true},
              {.name = "card"},
              {.name = "ip"},
              {.name = "person", .subject = true}},
    .relation_count = 6,
    .relations = {
        {.name = "pays", .kind = RS_KIND_PAYMENT, .src_type = ACCOUNT, .dst_type = ACCOUNT},
        {.name = "is", .kind = RS_KIND_LINK, .src_type = PERSON, .dst_type = ACCOUNT},
        {.name = "uses", .src_type = ACCOUNT, .dst_type = CARD},
        {.name = "uses", .src_type = ACCOUNT, .dst_type = IP},
        {.name = "seen", .src_type = IP, .dst_type = PERSON},
        {.name = "at", .src_type = CARD, .dst_type = IP}}};

static fake_id draw_id(rsi_random *random, uint32_t variety)
{
    uint32_t number = rsi_random_below(random, variety);
    fake_id id = {.length = 1 + number % 3};
    for (size_t i = 0; i < id.length; i++) {
        id.bytes[i] = (char)(number % 7 == 0 ? 0 : number * 37 >> i);
    }
    return id;
}

static int64_t draw_amount(rsi_random *random)
{
    switch (rsi_random_below(random, 8)) {
    case 0:
        return RS_NO_AMOUNT;
    case 1:
        return INT64_MAX - rsi_random_below(random, 3);
    case 2:
        return -INT64_MAX + rsi_random_below(random, 3);
    default:
        return (int64_t)rsi_random_below(random, 2000) - 1000;
    }
}

static fake_world draw_world(uint64_t seed)
{
    static const uint32_t precisions[] = {1, 1, 3600, 86400};
    rsi_random random;
    rsi_random_seed(&random, seed, 0);
    fake_world world = plan;
    bool times = !rsi_random_chance(&random, 200);
    uint32_t variety = rsi_random_between(&random, 2, seed % 5 == 0 ? 90 : 12);
    world.event_count = rsi_random_below(&random, seed % 5 == 0 ? 1500 : 120);
    world.events = calloc(world.event_count + 1, sizeof *world.events);
    for (size_t i = 0; i < world.event_count; i++) {
        bool timed = times && !rsi_random_chance(&random, 100);
        uint32_t relation = rsi_random_below(&random, (uint32_t)world.relation_count);
        /* Things are few, so that some are shared by many. */
        uint32_t things = relation < 2 ? variety : rsi_random_between(&random, 1, variety);
        world.events[i] =
            (fake_event){.relation = relation,
                         .src = draw_id(&random, relation == 4 ? things : variety),
                         .dst = draw_id(&random, relation == 4 ? variety : things),
                         .time = timed ? (int64_t)rsi_random_below(&random, 40) - 20 : RS_NO_TIME,
                         .amount = relation % 2 == 0 ? draw_amount(&random) : RS_NO_AMOUNT,
                         .precision_s = timed ? precisions[rsi_random_below(&random, 4)] : 1};
    }
    return world;
}

/* ---- the definitions
 * ----------------------------------------------------------------------------- */

typedef struct known_node {
    bool subject;
    size_t type;
    fake_id id;
} known_node;

typedef struct known_edge {
    uint32_t src;
    uint32_t dst;
    const fake_event *event;
} known_edge;

typedef struct known_truth {
    const fake_world *world;
    uint32_t node_count;
    known_node nodes[NODES_MAX * FAKE_TYPES_MAX];
    int64_t as_of;
    size_t edge_count; /* visible ones */
    known_edge *edges;
} known_truth;

static int compare_nodes(const void *left, const void *right)
{
    const known_node *a = left;
    const known_node *b = right;
    if (a->subject != b->subject) {
        return a->subject ? -1 : 1;
    }
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    const char *name = plan.types[a->type].name;
    uint64_t seed = rsi_hash64(name, strlen(name), 0);
    rsi_hash128 x = __wrap_rsi_hash_128(a->id.bytes, a->id.length, seed);
    rsi_hash128 y = __wrap_rsi_hash_128(b->id.bytes, b->id.length, seed);
    if (x.high != y.high) {
        return x.high < y.high ? -1 : 1;
    }
    if (x.low != y.low) {
        return x.low < y.low ? -1 : 1;
    }
    size_t common = a->id.length < b->id.length ? a->id.length : b->id.length;
    int order = memcmp(a->id.bytes, b->id.bytes, common);
    return order != 0 ? order : (a->id.length > b->id.length) - (a->id.length < b->id.length);
}

static void know(known_truth *truth, size_t type, const fake_id *id)
{
    for (uint32_t i = 0; i < truth->node_count; i++) {
        const known_node *node = &truth->nodes[i];
        if (node->type == type && node->id.length == id->length &&
            memcmp(node->id.bytes, id->bytes, id->length) == 0) {
            return;
        }
    }
    truth->nodes[truth->node_count++] =
        (known_node){.subject = plan.types[type].subject, .type = type, .id = *id};
}

static uint32_t node_of(const known_truth *truth, size_t type, const fake_id *id)
{
    uint32_t i = 0;
    while (truth->nodes[i].type != type || truth->nodes[i].id.length != id->length ||
           memcmp(truth->nodes[i].id.bytes, id->bytes, id->length) != 0) {
        i++;
    }
    return i;
}

/* RS_NO_TIME is before all times. */
static bool is_visible(const fake_event *event, int64_t as_of)
{
    return as_of == RS_NO_TIME || event->time <= as_of;
}

static void find_truth(known_truth *truth, const fake_world *world, int64_t as_of)
{
    *truth = (known_truth){.world = world, .as_of = as_of};
    truth->edges = calloc(world->event_count + 1, sizeof *truth->edges);
    for (size_t i = 0; i < world->event_count; i++) {
        const rs_relation_info *relation = &world->relations[world->events[i].relation];
        if (is_visible(&world->events[i], as_of)) {
            know(truth, relation->src_type, &world->events[i].src);
            know(truth, relation->dst_type, &world->events[i].dst);
        }
    }
    qsort(truth->nodes, truth->node_count, sizeof *truth->nodes, compare_nodes);
    for (size_t i = 0; i < world->event_count; i++) {
        const fake_event *event = &world->events[i];
        const rs_relation_info *relation = &world->relations[event->relation];
        if (is_visible(event, as_of)) {
            truth->edges[truth->edge_count++] =
                (known_edge){.src = node_of(truth, relation->src_type, &event->src),
                             .dst = node_of(truth, relation->dst_type, &event->dst),
                             .event = event};
        }
    }
}

/* All that is known of one (a, b) in one relation, with `a` the src or, where `turned`, the dst. */
typedef struct known_cell {
    uint32_t events;
    bool has_amount;
    __int128 amount;
    int64_t time_first;
    int64_t time_last;
} known_cell;

static void find_cells(const known_truth *truth, size_t relation, bool turned, known_cell *cells)
{
    size_t n = truth->node_count;
    memset(cells, 0, n * n * sizeof *cells);
    for (size_t i = 0; i < truth->edge_count; i++) {
        const known_edge *edge = &truth->edges[i];
        if (edge->event->relation != relation) {
            continue;
        }
        known_cell *cell = &cells[turned ? edge->dst * n + edge->src : edge->src * n + edge->dst];
        int64_t time = edge->event->time;
        if (cell->events++ == 0) {
            cell->time_first = RS_NO_TIME;
            cell->time_last = RS_NO_TIME;
        }
        if (time != RS_NO_TIME) {
            cell->time_first =
                cell->time_first == RS_NO_TIME || time < cell->time_first ? time : cell->time_first;
            cell->time_last = time > cell->time_last ? time : cell->time_last;
        }
        if (edge->event->amount != RS_NO_AMOUNT) {
            cell->has_amount = true;
            cell->amount += edge->event->amount;
        }
    }
}

static int64_t clamp(__int128 sum)
{
    return sum > INT64_MAX ? INT64_MAX : sum < -INT64_MAX ? -INT64_MAX : (int64_t)sum;
}

/* Some events. */
typedef struct truth_edges {
    size_t count;
    const fake_event **events;
} truth_edges;

/* ---- held against them
 * --------------------------------------------------------------------------- */

static void check_nodes(const rs_graph *graph, const known_truth *truth)
{
    rs_error err = {0};
    rs_ids *ids = NULL;
    uint32_t subjects = 0;
    uint8_t *wanted = calloc(truth->node_count + 1, 1);
    assert_int_equal(rs_graph_node_count(graph), truth->node_count);
    for (uint32_t i = 0; i < truth->node_count; i++) {
        wanted[i] = i % 3 != 0;
    }
    assert_int_equal(rs_graph_ids(graph, wanted, &ids, &err), RS_OK);
    for (uint32_t i = 0; i < truth->node_count; i++) {
        const known_node *node = &truth->nodes[i];
        const char *type = plan.types[node->type].name;
        rs_text id = rs_ids_of(ids, i);
        uint32_t found = RS_NO_NODE;
        assert_int_equal(id.length, wanted[i] != 0 ? node->id.length : 0);
        assert_memory_equal(id.bytes, node->id.bytes, id.length);
        id = (rs_text){.bytes = node->id.bytes, .length = node->id.length};
        assert_int_equal(rs_graph_find(graph, type, id, &found, &err), RS_OK);
        assert_int_equal(found, i);
        assert_int_equal(rs_graph_node(graph, node->type, rs_graph_dense(graph, i)), i);
        rs_node_range range = rs_graph_range_of(graph, i);
        assert_string_equal(range.type, type);
        assert_int_equal(range.subject, node->subject);
        assert_in_range(i, range.first, range.first + range.count - 1);
        subjects += node->subject;
    }
    assert_int_equal(rs_graph_subject_count(graph), subjects);
    rs_ids_free(ids);
    free(wanted);
}

static bool is_thing_type(size_t type)
{
    return !plan.types[type].subject;
}

static void check_groups(const rs_graph *graph, const known_truth *truth, size_t relation,
                         known_cell *cells)
{
    rs_groups groups = {0};
    rs_error err = {0};
    uint32_t n = truth->node_count;
    uint32_t g = 0;
    uint64_t singles = 0;
    find_cells(truth, relation, is_thing_type(plan.relations[relation].dst_type), cells);
    assert_int_equal(rs_graph_groups(graph, relation, &groups, NULL, &err), RS_OK);
    for (uint32_t thing = 0; thing < n; thing++) {
        uint32_t users = 0;
        for (uint32_t user = 0; user < n; user++) {
            users += cells[(size_t)thing * n + user].events > 0;
        }
        singles += users == 1;
        if (users < 2) {
            continue;
        }
        assert_in_range(g + 1, 1, groups.count);
        assert_int_equal(groups.things[g], thing);
        assert_int_equal(groups.first[g + 1] - groups.first[g], users);
        uint64_t use = groups.first[g];
        for (uint32_t user = 0; user < n; user++) {
            if (cells[(size_t)thing * n + user].events > 0) {
                assert_int_equal(groups.users[use], user);
                assert_int_equal(groups.events[use], cells[(size_t)thing * n + user].events);
                use++;
            }
        }
        g++;
    }
    assert_int_equal(groups.count, g);
    assert_int_equal(groups.first[g], groups.use_count);
    assert_int_equal(groups.single_count, singles);
    rs_groups_free(&groups);
}

static int compare_uses(const void *left, const void *right)
{
    const rs_use *a = left;
    const rs_use *b = right;
    const int64_t keys[][2] = {{a->thing, b->thing},
                               {a->time, b->time},
                               {a->user, b->user},
                               {a->precision_s, b->precision_s}};
    for (size_t i = 0; i < 4; i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static void check_uses(const rs_graph *graph, const known_truth *truth, size_t relation,
                       known_cell *cells)
{
    rs_use *uses = NULL;
    size_t count = 0;
    size_t expected = 0;
    rs_error err = {0};
    uint32_t n = truth->node_count;
    bool dst_is_thing = is_thing_type(plan.relations[relation].dst_type);
    rs_use *known = calloc(truth->edge_count + 1, sizeof *known);
    uint32_t *users = calloc((size_t)n + 1, sizeof *users);
    find_cells(truth, relation, dst_is_thing, cells);
    for (size_t i = 0; i < (size_t)n * n; i++) {
        users[i / n] += cells[i].events > 0;
    }
    for (size_t i = 0; i < truth->edge_count; i++) {
        const known_edge *edge = &truth->edges[i];
        uint32_t thing = dst_is_thing ? edge->dst : edge->src;
        if (edge->event->relation == relation && users[thing] > 1 &&
            edge->event->time != RS_NO_TIME) {
            known[expected++] = (rs_use){.thing = thing,
                                         .user = dst_is_thing ? edge->src : edge->dst,
                                         .time = edge->event->time,
                                         .precision_s = edge->event->precision_s};
        }
    }
    qsort(known, expected, sizeof *known, compare_uses);
    assert_int_equal(rs_graph_uses(graph, relation, &uses, &count, NULL, &err), RS_OK);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(compare_uses(&uses[i], &known[i]), 0);
    }
    free(uses);
    free(users);
    free(known);
}

static void check_pairs(const rs_graph *graph, const known_truth *truth, size_t relation,
                        known_cell *cells)
{
    rs_pair *pairs = NULL;
    size_t count = 0;
    size_t p = 0;
    rs_error err = {0};
    size_t n = truth->node_count;
    find_cells(truth, relation, false, cells);
    assert_int_equal(rs_graph_pairs(graph, relation, &pairs, &count, NULL, &err), RS_OK);
    for (uint32_t a = 0; a < n; a++) {
        for (uint32_t b = 0; b < n; b++) {
            const known_cell *cell = &cells[a * n + b];
            if (a == b || cell->events == 0) {
                continue;
            }
            assert_in_range(p + 1, 1, count);
            assert_int_equal(pairs[p].a, a);
            assert_int_equal(pairs[p].b, b);
            assert_int_equal(pairs[p].events, cell->events);
            assert_int_equal(pairs[p].amount,
                             cell->has_amount ? clamp(cell->amount) : RS_NO_AMOUNT);
            assert_int_equal(pairs[p].time_first, cell->time_first);
            assert_int_equal(pairs[p].time_last, cell->time_last);
            p++;
        }
    }
    assert_int_equal(p, count);
    free(pairs);
}

/* One end's numbers; `cells` are turned so that this end comes first. */
static void check_side(const known_truth *truth, uint32_t subjects, const known_cell *cells,
                       const uint32_t *peers, const uint64_t *edges, const int64_t *amount)
{
    size_t n = truth->node_count;
    for (uint32_t a = 0; a < subjects; a++) {
        uint32_t known_peers = 0;
        uint64_t known_edges = 0;
        __int128 known_amount = 0;
        for (uint32_t b = 0; b < n; b++) {
            const known_cell *cell = &cells[a * n + b];
            known_peers += a != b && cell->events > 0;
            known_edges += a != b ? cell->events : 0;
            known_amount += a != b ? cell->amount : 0;
        }
        assert_int_equal(peers[a], known_peers);
        assert_int_equal(edges[a], known_edges);
        assert_int_equal(amount == NULL ? 0 : amount[a], clamp(known_amount));
    }
}

static void check_shared(const known_truth *truth, uint32_t subjects, const known_cell *cells,
                         const uint32_t *shared_things)
{
    size_t n = truth->node_count;
    for (uint32_t a = 0; a < subjects; a++) {
        uint32_t known = 0;
        for (uint32_t thing = subjects; thing < n; thing++) {
            bool another = false;
            for (uint32_t b = 0; b < subjects; b++) {
                another |= b != a && cells[b * n + thing].events > 0;
            }
            known += another && cells[a * n + thing].events > 0;
        }
        assert_int_equal(shared_things[a], known);
    }
}

static void check_counts(const rs_graph *graph, const known_truth *truth, size_t relation,
                         const rs_counts *counts, known_cell *cells)
{
    bool src_is_thing = is_thing_type(plan.relations[relation].src_type);
    bool dst_is_thing = is_thing_type(plan.relations[relation].dst_type);
    assert_int_equal(counts->count, rs_graph_subject_count(graph));
    assert_int_equal(counts->src_peers == NULL, src_is_thing);
    assert_int_equal(counts->dst_edges == NULL, dst_is_thing);
    assert_int_equal(counts->shared_things == NULL, src_is_thing == dst_is_thing);
    for (int turned = 0; turned < 2; turned++) {
        if (turned == 0 ? src_is_thing : dst_is_thing) {
            continue;
        }
        find_cells(truth, relation, turned == 1, cells);
        check_side(truth, counts->count, cells, turned == 0 ? counts->src_peers : counts->dst_peers,
                   turned == 0 ? counts->src_edges : counts->dst_edges,
                   turned == 0 ? counts->src_amount : counts->dst_amount);
        if (counts->shared_things != NULL) {
            check_shared(truth, counts->count, cells, counts->shared_things);
        }
    }
}

/* The definition, one subject at a time: its own edges, day by day. */
static void check_peaks_of(const truth_edges *edges, const uint32_t *day_edges,
                           const int64_t *amount, const int64_t *day_amount)
{
    uint32_t most_edges = 0;
    int64_t most = 0;
    int64_t most_in_a_day = 0;
    for (int64_t day = -2; day < 3; day++) {
        uint32_t count = 0;
        __int128 sum = 0;
        for (size_t i = 0; i < edges->count; i++) {
            const fake_event *event = edges->events[i];
            int64_t paid = event->amount > 0 ? event->amount : 0; /* RS_NO_AMOUNT is below 0 */
            most = paid > most ? paid : most;
            if (event->time != RS_NO_TIME && event->time >= day * 86400 &&
                event->time < (day + 1) * 86400) {
                count++;
                sum += paid;
            }
        }
        most_edges = count > most_edges ? count : most_edges;
        most_in_a_day = clamp(sum) > most_in_a_day ? clamp(sum) : most_in_a_day;
    }
    assert_int_equal(day_edges == NULL ? 0 : *day_edges, most_edges);
    assert_int_equal(amount == NULL ? 0 : *amount, most);
    assert_int_equal(day_amount == NULL ? 0 : *day_amount, most_in_a_day);
}

static void check_peaks(const rs_graph *graph, const known_truth *truth, size_t relation,
                        const rs_peaks *peaks)
{
    bool subject_ends[] = {!is_thing_type(plan.relations[relation].src_type),
                           !is_thing_type(plan.relations[relation].dst_type)};
    truth_edges edges = {.events = calloc(truth->edge_count + 1, sizeof *edges.events)};
    assert_int_equal(peaks->count, rs_graph_subject_count(graph));
    for (uint32_t node = 0; node < peaks->count; node++) {
        for (int end = 0; end < 2; end++) {
            uint32_t *day_edges = end == 0 ? peaks->src_day_edges : peaks->dst_day_edges;
            int64_t *amount = end == 0 ? peaks->src_amount : peaks->dst_amount;
            int64_t *day_amount = end == 0 ? peaks->src_day_amount : peaks->dst_day_amount;
            edges.count = 0;
            for (size_t i = 0; subject_ends[end] && i < truth->edge_count; i++) {
                const known_edge *edge = &truth->edges[i];
                if (edge->event->relation == relation && edge->src != edge->dst &&
                    (end == 0 ? edge->src : edge->dst) == node) {
                    edges.events[edges.count++] = edge->event;
                }
            }
            check_peaks_of(&edges, day_edges == NULL ? NULL : &day_edges[node],
                           amount == NULL ? NULL : &amount[node],
                           day_amount == NULL ? NULL : &day_amount[node]);
        }
    }
    free(edges.events);
}

static rs_status compare_part(void *context, const rs_timeline_part *part, rs_error *err)
{
    const rs_timeline *whole = context;
    const rs_timeline *line = part->line;
    (void)err;
    if (part->out != NULL) {
        size_t count = line->out_first[part->to] - line->out_first[part->from];
        assert_memory_equal(part->out, whole->out + line->out_first[part->from],
                            count * sizeof *part->out);
    }
    if (part->in != NULL) {
        size_t count = line->in_first[part->to] - line->in_first[part->from];
        assert_memory_equal(part->in, whole->in + line->in_first[part->from],
                            count * sizeof *part->in);
    }
    parts_seen++;
    return RS_OK;
}

/* Where there is no room for it, its lists lie in a file, to the byte as in memory. */
static void check_slices(const rs_graph *graph, size_t relation, rs_timeline *whole)
{
    rs_error err = {0};
    for (uint64_t memory = (whole->count + whole->left_out) * 60; memory > 0;
         memory -= memory / 4 + 1) {
        rs_timeline line = {0};
        rs_work work = {.threads = 2, .memory_bytes = memory, .folder = "."};
        rs_status status = rs_graph_timeline(graph, relation, &line, &work, &err);
        if (status == RS_EUSAGE) { /* there is no room for a list */
            break;
        }
        assert_int_equal(status, RS_OK);
        assert_int_equal(line.count, whole->count);
        assert_int_equal(line.left_out, whole->left_out);
        assert_int_equal(line.span_s, whole->span_s);
        assert_memory_equal(line.out_first, whole->out_first, (line.src_count + 1) * 4);
        assert_memory_equal(line.in_first, whole->in_first, (line.dst_count + 1) * 4);
        assert_null(line.out);
        for (unsigned ends = RS_TIMELINE_OUT; ends <= RS_TIMELINE_IN; ends++) {
            assert_int_equal(rs_timeline_each(&line, ends, compare_part, whole, &err), RS_OK);
        }
        if (line.src_first == line.dst_first) {
            unsigned both = RS_TIMELINE_OUT | RS_TIMELINE_IN;
            assert_int_equal(rs_timeline_each(&line, both, compare_part, whole, &err), RS_OK);
        }
        rs_timeline_free(&line);
        told_by_files++;
    }
}

/* What is read, and what a timeline tells that left nothing out, is the same. */
static void check_numbers(const rs_graph *graph, const known_truth *truth, size_t relation,
                          known_cell *cells)
{
    rs_counts counts = {0};
    rs_peaks peaks = {0};
    rs_timeline line = {0};
    rs_work work = {.threads = 2};
    rs_error err = {0};
    assert_int_equal(rs_graph_counts(graph, relation, &counts, NULL, &err), RS_OK);
    assert_int_equal(rs_graph_peaks(graph, relation, &peaks, NULL, &err), RS_OK);
    check_counts(graph, truth, relation, &counts, cells);
    check_peaks(graph, truth, relation, &peaks);
    rs_counts_free(&counts);
    rs_peaks_free(&peaks);
    rs_work little = {.memory_bytes = 200}; /* for a few events: their slices take a reading each */
    assert_int_equal(rs_graph_peaks(graph, relation, &peaks, &little, &err), RS_OK);
    check_peaks(graph, truth, relation, &peaks);
    rs_peaks_free(&peaks);
    assert_int_equal(rs_graph_timeline(graph, relation, &line, NULL, &err), RS_OK);
    if (!is_thing_type(plan.relations[relation].src_type) && line.count > 0 && line.left_out == 0) {
        assert_int_equal(rs_timeline_counts(graph, &line, &counts, &peaks, &work, &err), RS_OK);
        check_counts(graph, truth, relation, &counts, cells);
        check_peaks(graph, truth, relation, &peaks);
        rs_counts_free(&counts);
        rs_peaks_free(&peaks);
        told_by_timelines++;
    }
    check_slices(graph, relation, &line);
    rs_timeline_free(&line);
}

static void check_graph(const rs_graph *graph, const known_truth *truth)
{
    known_cell *cells = calloc((size_t)truth->node_count * truth->node_count + 1, sizeof *cells);
    check_nodes(graph, truth);
    assert_int_equal(rs_graph_as_of(graph), truth->as_of);
    for (size_t relation = 0; relation < plan.relation_count; relation++) {
        const rs_relation_info *info = &plan.relations[relation];
        if (is_thing_type(info->src_type) != is_thing_type(info->dst_type)) {
            check_groups(graph, truth, relation, cells);
            check_uses(graph, truth, relation, cells);
        }
        check_pairs(graph, truth, relation, cells);
        check_numbers(graph, truth, relation, cells);
    }
    free(cells);
}

static int64_t latest_of(const fake_world *world)
{
    int64_t latest = RS_NO_TIME;
    for (size_t i = 0; i < world->event_count; i++) {
        latest = world->events[i].time > latest ? world->events[i].time : latest;
    }
    return latest;
}

static void check_world(uint64_t seed)
{
    static known_truth truth;
    rs_error err = {0};
    fake_world world = draw_world(seed);
    rs_graph_options options = {.as_of = seed % 3 == 0 ? RS_NO_TIME : (int64_t)(seed % 50) - 25};
    hash_mask = seed % 2 == 0 ? UINT64_MAX : seed % 4 == 1 ? 0 : UINT64_C(0x8000000000000001);
    find_truth(&truth, &world, options.as_of == RS_NO_TIME ? latest_of(&world) : options.as_of);
    for (unsigned way = 0; way < 3; way++) {
        rs_graph *graph = NULL;
        rs_store *store = fake_store_make(&world, seed * 3 + way, 1 + way * 3, 1 + way * 7);
        rs_work work = {.threads = 1 + way};
        assert_int_equal(rs_graph_open(&graph, store, &options, &work, &err), RS_OK);
        check_graph(graph, &truth);
        rs_graph_close(graph);
        fake_store_free(store);
    }
    free(truth.edges);
    free(world.events);
    hash_mask = UINT64_MAX;
}

static void says_the_same_however_the_rows_came(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        check_world(seed);
    }
    assert_in_range(told_by_timelines, 100, UINT32_MAX);
    assert_in_range(told_by_files, 100, UINT32_MAX);
    assert_in_range(parts_seen, 4 * (uint64_t)told_by_files, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_the_same_however_the_rows_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
