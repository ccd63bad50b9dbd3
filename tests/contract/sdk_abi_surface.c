/* Reaches every structure of the contract, so that libabigail describes all of them. */
#include "crossdock/abi.h"

const cdk_entry* cdk_plugin_entry(void);
const cdk_entry* cdk_plugin_entry(void) { return 0; }

void surface_cdk_str(const cdk_str* x);
void surface_cdk_str(const cdk_str* x) { (void)x; }
void surface_cdk_bytes(const cdk_bytes* x);
void surface_cdk_bytes(const cdk_bytes* x) { (void)x; }
void surface_cdk_error(const cdk_error* x);
void surface_cdk_error(const cdk_error* x) { (void)x; }
void surface_cdk_writer(const cdk_writer* x);
void surface_cdk_writer(const cdk_writer* x) { (void)x; }
void surface_cdk_reader(const cdk_reader* x);
void surface_cdk_reader(const cdk_reader* x) { (void)x; }
void surface_cdk_event(const cdk_event* x);
void surface_cdk_event(const cdk_event* x) { (void)x; }
void surface_cdk_host(const cdk_host* x);
void surface_cdk_host(const cdk_host* x) { (void)x; }
void surface_cdk_limits(const cdk_limits* x);
void surface_cdk_limits(const cdk_limits* x) { (void)x; }
void surface_cdk_tool(const cdk_tool* x);
void surface_cdk_tool(const cdk_tool* x) { (void)x; }
void surface_cdk_proposal(const cdk_proposal* x);
void surface_cdk_proposal(const cdk_proposal* x) { (void)x; }
void surface_cdk_propose(const cdk_propose* x);
void surface_cdk_propose(const cdk_propose* x) { (void)x; }
void surface_cdk_memory(const cdk_memory* x);
void surface_cdk_memory(const cdk_memory* x) { (void)x; }
void surface_cdk_model(const cdk_model* x);
void surface_cdk_model(const cdk_model* x) { (void)x; }
void surface_cdk_search(const cdk_search* x);
void surface_cdk_search(const cdk_search* x) { (void)x; }
void surface_cdk_blob(const cdk_blob* x);
void surface_cdk_blob(const cdk_blob* x) { (void)x; }
void surface_cdk_net(const cdk_net* x);
void surface_cdk_net(const cdk_net* x) { (void)x; }
void surface_cdk_plugin(const cdk_plugin* x);
void surface_cdk_plugin(const cdk_plugin* x) { (void)x; }
void surface_cdk_entry(const cdk_entry* x);
void surface_cdk_entry(const cdk_entry* x) { (void)x; }
