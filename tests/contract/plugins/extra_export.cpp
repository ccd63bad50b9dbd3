/// Exports a second function, which the version script extra_export.map lets out.
#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;

struct talkative : agent {
  static void declare(handlers<talkative>&) {}
};
CROSSDOCK_AGENT("test.talkative", talkative)

extern "C" CDK_EXPORT int crossdock_test_extra(void);
int crossdock_test_extra(void) {
  return 1;
}
