/* stages.c - the stages one after the other; what a stage leaves and no later one needs is freed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/stages.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/try.h"
#include "cli/cli.h"

uint64_t rsi_clock_us(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void rsi_stages_time(rsi_stages *stages, const char *stage, uint64_t start)
{
    if (stages->timing_count < RSI_STAGES_MAX) {
        stages->timings[stages->timing_count++] =
            (rs_run_timing){.stage = stage, .microseconds = rsi_clock_us() - start};
    }
}

static rs_status read_lists(rsi_stages *stages, const char *blacklist, const char *whitelist,
                            const rsi_settings *settings, rs_error *err)
{
    rs_status status = RS_OK;
    size_t nodes = rs_graph_node_count(stages->graph);
    if (blacklist != NULL) {
        RS_TRY(rs_list_read(stages->graph, blacklist, &stages->blacklist, err));
    }
    if (whitelist != NULL) {
        RS_TRY(rs_list_read(stages->graph, whitelist, &stages->whitelist, err));
    }
    stages->seed = calloc(nodes + 1, sizeof *stages->seed);
    stages->spread = calloc(nodes + 1, sizeof *stages->spread);
    if (stages->seed == NULL || stages->spread == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu nodes)", nodes);
        goto done;
    }
    rs_seeds(stages->graph, &stages->blacklist, &stages->whitelist, &settings->seeds, stages->seed,
             &stages->conflict_count);
done:
    return status;
}

rs_status rsi_stages_evidence(rsi_stages *stages, const char *store_path, const char *blacklist,
                              const char *whitelist, const rsi_settings *settings,
                              const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t start = rsi_clock_us();
    RS_TRY(rsi_open_store(&stages->store, store_path, err));
    RS_TRY(rs_graph_open(&stages->graph, stages->store, &settings->graph, work, err));
    rsi_stages_time(stages, "graph", start);
    start = rsi_clock_us();
    RS_TRY(read_lists(stages, blacklist, whitelist, settings, err));
    rsi_stages_time(stages, "lists", start);
    start = rsi_clock_us();
    RS_TRY(rs_evidence_find(stages->graph, &settings->evidence, work, &stages->evidence, err));
    RS_TRY(rs_evidence_collapse(stages->graph, &stages->evidence, &stages->collapsed, err));
    rsi_stages_time(stages, "evidence", start);
done:
    return status;
}

rs_status rsi_stages_spread(rsi_stages *stages, const rsi_settings *settings, const rs_work *work,
                            rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t start = rsi_clock_us();
    RS_TRY(rs_network_build(stages->graph, &stages->evidence, &stages->collapsed, work,
                            &stages->network, err));
    rsi_stages_time(stages, "network", start);
    start = rsi_clock_us();
    RS_TRY(rs_spread(&stages->network.adjacency, stages->seed, &settings->spread, work,
                     stages->spread, err));
    rsi_stages_time(stages, "spread", start);
done:
    return status;
}

/* What the report tells of the evidence, before it is freed. */
static rs_status note_evidence(rsi_stages *stages, rs_error *err)
{
    rs_findings *findings = &stages->findings;
    findings->evidence_by_kind = calloc(rs_evidence_kind_count() + 1, sizeof(uint64_t));
    if (findings->evidence_by_kind == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (kinds of evidence)");
    }
    for (size_t i = 0; i < stages->evidence.link_count; i++) {
        findings->evidence_by_kind[stages->evidence.links[i].kind]++;
    }
    findings->hubs = stages->evidence.hubs;
    findings->hub_count = stages->evidence.hub_count;
    stages->evidence.hubs = NULL; /* moved to the findings */
    stages->evidence.hub_count = 0;
    return RS_OK;
}

rs_status rsi_stages_score(rsi_stages *stages, const rsi_settings *settings, const rs_work *work,
                           rs_error *err)
{
    rs_status status = RS_OK;
    const rs_evidence_graph *g = &stages->collapsed;
    rs_detect_counts counts = {0};
    uint32_t *label = malloc(((size_t)g->node_count + 1) * sizeof *label);
    if (label == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u nodes with evidence)", g->node_count);
        goto done;
    }
    uint64_t start = rsi_clock_us();
    rs_link_graph links = {.node_count = g->node_count,
                           .is_member = g->is_member,
                           .link_count = g->link_count,
                           .a = g->a,
                           .b = g->b,
                           .weight = g->weight};
    RS_TRY(rs_detect(&links, &settings->detect, work, label, &counts, err));
    rsi_stages_time(stages, "detect", start);
    start = rsi_clock_us();
    RS_TRY(rs_network_things(stages->graph, settings->spread.damping, work, stages->spread, err));
    rs_score_input input = {.graph = stages->graph,
                            .evidence = &stages->evidence,
                            .collapsed = g,
                            .label = label,
                            .blacklist = &stages->blacklist,
                            .spread = stages->spread,
                            .pairs_max = settings->evidence.pairs_max};
    RS_TRY(rs_score(&input, &settings->score, work, &stages->findings, err));
    stages->findings.detect = counts;
    RS_TRY(note_evidence(stages, err));
    rsi_stages_time(stages, "score", start);
done:
    free(label);
    return status;
}

void rsi_stages_free(rsi_stages *stages)
{
    rs_findings_free(&stages->findings);
    rs_network_free(&stages->network);
    rs_evidence_graph_free(&stages->collapsed);
    rs_evidence_free(&stages->evidence);
    rs_list_free(&stages->blacklist);
    rs_list_free(&stages->whitelist);
    free(stages->seed);
    free(stages->spread);
    rs_graph_close(stages->graph);
    rs_store_close(stages->store);
    *stages = (rsi_stages){0};
}
