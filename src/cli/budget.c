/* budget.c - what the stages of a run need, in bytes a node, link and edge.
 *
 * The figures are what was measured, rounded up, and what stands in the headers of the stages; the
 * test system/test_budget.py holds a run against its budget.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/budget.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "evidence/kind.h"

enum {
    RESERVE = 32,      /* a part of the budget that stays free */
    BASE = 16 << 20,   /* windows, decoders and buffers of threads, and what the allocator keeps */
    DETECT_LINK = 64,  /* arcs both ways, and as many again while they are contracted */
    DETECT_NODE = 64,  /* movers' tallies, labels, layouts */
    NETWORK_NODE = 28, /* rows, totals, entities */
    NETWORK_LINK = 16, /* rows of the evidence while the network is put together */
    SPREAD_NODE = 33,  /* five numbers and a bit */
    TIES_SUBJECT = 20, /* of each relation between subjects */
    ODDITY_SUBJECT = 60,     /* the column at hand, sorted, and the sums of all */
    ODDITY_SUBJECT_END = 32, /* counts of one relation at one end, sums and busiest days */
    ODDITY_USE = 32,         /* of relations of things in a store of several batches */
    ODDITY_EDGE = 12,        /* and end: of the busiest days, all of them at once */
    ODDITY_SLICES = 8,       /* at most so many readings of busiest days */
    SCORE_LINK = 36,
    SCORE_NODE = 32,
    SCORE_PAYMENT = 64, /* one that is kept for roles, and again while they are put in order */
    SCORE_PAYMENTS = 1 << 20, /* a quarter of all, and so many at most */
    LADDER_NODE = 128,        /* looked at: its evidence, labels and groups of five cuts */
    LADDER_MOST = 96 << 20,   /* so much at most, for the ladder looks at so many */
    LADDER_LINKED = 9,        /* whether it is looked at, its number there, its label */
    LADDER_SUBJECT = 16,      /* its node; entities and groups of a rung */
    TRACE_NODE = 40,
    /* before there are links: */
    TIMED_EDGE = 8,     /* of the relation whose events are at hand: amounts, pairs, passes */
    TIMED_SUBJECT = 84, /* where its events begin in the file, whom it pays, its surge */
    TIMED_LINK = 8,     /* what may come of an edge in time */
    TIED_EDGE = 28,     /* users of things, and links while they are sought */
    COLLAPSED_LINK = 16,
    COLLAPSED_NODE = 16,
};

typedef struct sizes {
    uint64_t nodes, subjects;
    uint64_t linked;    /* nodes of the collapsed evidence */
    uint64_t links;     /* its links */
    uint64_t ties;      /* edges between subjects */
    uint64_t between;   /* relations between subjects */
    uint64_t ends;      /* of relations that are subjects */
    uint64_t edge_ends; /* edges, as often as they end at a subject */
    uint64_t uses;      /* edges of the relations of things that are counted at the same time */
} sizes;

/* A store of one batch is counted as it is read. */
static uint64_t uses_of(const rs_store *store, unsigned threads)
{
    uint64_t all = 0;
    uint64_t largest = 0;
    for (size_t r = 0; r < rs_store_relation_count(store); r++) {
        rs_relation_info info = rs_store_relation(store, r);
        if (rs_store_type(store, info.src_type).subject !=
            rs_store_type(store, info.dst_type).subject) {
            all += info.edge_count;
            largest = info.edge_count > largest ? info.edge_count : largest;
        }
    }
    uint64_t most = largest * (threads > 0 ? threads : 1);
    return most < all ? most : all;
}

static sizes sizes_of(const rsi_stages *stages, const rs_work *work)
{
    const rs_store *store = rs_graph_store(stages->graph);
    sizes s = {.nodes = rs_graph_node_count(stages->graph),
               .subjects = rs_graph_subject_count(stages->graph),
               .linked = stages->collapsed.node_count,
               .links = stages->collapsed.link_count,
               .uses = rs_store_batch_count(store) > 1 ? uses_of(store, work->threads) : 0};
    for (size_t r = 0; r < rs_store_relation_count(store); r++) {
        rs_relation_info info = rs_store_relation(store, r);
        bool src = rs_store_type(store, info.src_type).subject;
        bool dst = rs_store_type(store, info.dst_type).subject;
        s.ties += src && dst ? info.edge_count : 0;
        s.between += src && dst;
        s.ends += (uint64_t)src + dst;
        s.edge_ends += ((uint64_t)src + dst) * info.edge_count;
    }
    return s;
}

/* Pages of ours that are in memory now; the second number of statm. */
static uint64_t memory_held(void)
{
    unsigned long long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%llu %llu", &all, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void rsi_memory_guard(const rs_store *store, const rs_work *work)
{
    enum { EDGE = 64, NODE = 128, PART = 512, LEAST = 128 << 10, MOST = 1 << 20 };
    uint64_t amply = 0;
    for (size_t r = 0; r < rs_store_relation_count(store); r++) {
        amply += rs_store_relation(store, r).edge_count * EDGE;
    }
    for (size_t t = 0; t < rs_store_type_count(store); t++) {
        amply += (uint64_t)rs_store_type(store, t).node_count * NODE;
    }
    if (work->memory_bytes > 0 && work->memory_bytes < amply) {
        uint64_t part = work->memory_bytes / PART;
        (void)mallopt(M_MMAP_THRESHOLD, part < LEAST ? LEAST : part < MOST ? (int)part : MOST);
    }
}

uint64_t rsi_memory_left(const rs_work *work)
{
    (void)malloc_trim(0);
    uint64_t held = memory_held() + BASE + work->memory_bytes / RESERVE;
    uint64_t left = work->memory_bytes > held ? work->memory_bytes - held : 1;
    return work->memory_bytes == 0 ? 0 : left;
}

/* The budget that leaves `least`, where this one leaves `left`: a part of what is more stays free,
 * too. In MiB. */
static uint64_t would_do(const rs_work *work, uint64_t least, uint64_t left)
{
    uint64_t more = least > left ? least - left : 0;
    return (work->memory_bytes + more + more / RESERVE + (2 << 20)) >> 20;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t rsi_plan_network(const rsi_plan *plan, const rs_work *work)
{
    return plan->side_by_side ? plan->network_bytes : rsi_memory_left(work);
}

uint64_t rsi_plan_days(const rsi_plan *plan, const rs_work *work)
{
    if (plan->side_by_side) {
        return plan->days_bytes;
    }
    uint64_t left = rsi_memory_left(work);
    uint64_t rest = left > plan->beside_days ? left - plan->beside_days : 0;
    return larger(rest, plan->days_bytes / ODDITY_SLICES);
}

static uint64_t detect_need(const sizes *s)
{
    return s->links * DETECT_LINK + s->linked * DETECT_NODE;
}

static uint64_t network_least(const sizes *s)
{
    uint64_t build = s->links * NETWORK_LINK + s->between * s->subjects * TIES_SUBJECT;
    build += s->ties; /* an eighth of the ties at a time: eight readings */
    return s->nodes * NETWORK_NODE + larger(build, s->nodes * SPREAD_NODE);
}

/* With every link in memory: ties and what is made of them and of the evidence. */
static uint64_t network_wish(const sizes *s)
{
    uint64_t links = s->links * 2 * 8 + s->ties * 2 * (4 + 8);
    return network_least(s) + links + (s->between + 2) * links / 2;
}

/* But for the busiest days. */
static uint64_t oddity_need(const sizes *s)
{
    return s->subjects * (ODDITY_SUBJECT + s->ends * ODDITY_SUBJECT_END) + s->nodes * 4 +
           s->uses * ODDITY_USE;
}

static uint64_t days_wish(const sizes *s)
{
    return s->edge_ends * ODDITY_EDGE;
}

/* The ladder is gone once findings are made. */
static uint64_t score_need(const sizes *s)
{
    uint64_t looked = smaller(s->linked * LADDER_NODE, LADDER_MOST);
    uint64_t ladder = looked + s->linked * LADDER_LINKED + s->subjects * LADDER_SUBJECT;
    uint64_t payments = smaller(s->ties / 4, SCORE_PAYMENTS) * SCORE_PAYMENT;
    return s->links * SCORE_LINK + larger(ladder, s->nodes * SCORE_NODE + payments);
}

static uint64_t middle_least(const sizes *s, uint64_t aside)
{
    uint64_t bare = larger(detect_need(s), oddity_need(s) + days_wish(s) / ODDITY_SLICES);
    return larger(larger(network_least(s), score_need(s)), bare > aside ? bare - aside : 0);
}

/* Nobody knows yet how many links there will be. One in two uses of things and one in eight edges
 * in time are as many as were ever seen; should there be more, the plan of the middle says so, and
 * knows. */
rs_status rsi_evidence_refused(const rsi_stages *stages, const rs_work *work, uint64_t left,
                               rs_error *err)
{
    sizes s = sizes_of(stages, work);
    const rs_store *store = rs_graph_store(stages->graph);
    uint64_t tied = 0;
    uint64_t timed = 0;
    uint64_t most = 0;
    for (size_t r = 0; r < rs_store_relation_count(store); r++) {
        rs_relation_info info = rs_store_relation(store, r);
        bool acts = rsi_is_timed_act(stages->graph, &info);
        tied += rsi_ties_things(stages->graph, &info) ? info.edge_count : 0;
        timed += acts ? info.edge_count : 0;
        most = acts ? larger(most, info.edge_count) : most;
    }
    s.linked = s.nodes;
    s.links = tied / 2 + timed / 8;
    uint64_t links = s.links * sizeof(rs_link);
    uint64_t search =
        s.subjects * TIMED_SUBJECT + most * TIMED_EDGE + timed * TIMED_LINK + tied * TIED_EDGE;
    uint64_t later = tied * 8 + links + s.links * COLLAPSED_LINK + s.nodes * COLLAPSED_NODE +
                     middle_least(&s, links);
    uint64_t would = would_do(work, larger(search, later), left);
    return rs_context(err, RS_EUSAGE,
                      "a run over this store needs up to %llu MB of memory, the budget is %llu MB; "
                      "--memory %lluM would do",
                      (unsigned long long)would, (unsigned long long)(work->memory_bytes >> 20),
                      (unsigned long long)would);
}

rs_status rsi_plan_middle(const rsi_stages *stages, const rs_work *work, rsi_plan *plan,
                          rs_error *err)
{
    sizes s = sizes_of(stages, work);
    uint64_t left = rsi_memory_left(work);
    uint64_t aside = stages->evidence.link_count * sizeof(rs_link);
    uint64_t least = middle_least(&s, aside);
    uint64_t others = detect_need(&s) + oddity_need(&s) + days_wish(&s);
    *plan = (rsi_plan){.side_by_side = true};
    if (left == 0) {
        return RS_OK;
    }
    if (least > left) {
        uint64_t would = would_do(work, least, left);
        return rs_fail(err, RS_EUSAGE,
                       "a run over this store needs some %llu MB of memory, the budget is %llu MB; "
                       "--memory %lluM would do",
                       (unsigned long long)would, (unsigned long long)(work->memory_bytes >> 20),
                       (unsigned long long)would);
    }
    plan->side_by_side = others + network_wish(&s) <= left;
    plan->network_bytes = left - others;
    plan->days_bytes = days_wish(&s);
    plan->beside_days = oddity_need(&s);
    return RS_OK;
}

rsi_plan rsi_plan_score(const rsi_stages *stages, const rs_work *work)
{
    sizes s = sizes_of(stages, work);
    uint64_t left = rsi_memory_left(work);
    return (rsi_plan){.side_by_side = left == 0 || score_need(&s) + s.nodes * TRACE_NODE <= left};
}
