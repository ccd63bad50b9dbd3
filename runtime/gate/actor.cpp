#include "gate/actor.hpp"

namespace crossdock::gate {
namespace {

class gate final : public host_actor<gate_handle> {
public:
  gate(caf::actor_config& config, environment env)
    : host_actor(config, "gate", env.taps), env_(std::move(env)) {}

  behavior_type make_behavior() override {
    return {[](task& t) { t.run(); },
            [this](shut_down) { quit(caf::exit_reason::user_shutdown); },
            [this](status_request) {
              const auto now = env_.rules();
              return status_report{to_text(json{{"policy", now->in_force.name()},
                                                {"policy_sha256", now->in_force.sha256()},
                                                {"rules", now->in_force.rules()},
                                                {"allowed", allowed_},
                                                {"asked", asked_},
                                                {"denied", denied_}})};
            },
            [this](const judge& j) {
              const auto in_force = env_.rules(); // one set for the whole judgement
              judge_context context;
              context.now = env_.time->now();
              if (!j.what->facts.empty()) {
                context.now = env_.clocks->there(j.what->facts.front().system, context.now);
              }
              context.level = level_of(in_force->levels, j.what->agent, j.what->tool);
              auto v = in_force->in_force.judge(*j.what, context);
              ++(v.effect == effect_verdict::allow ? allowed_
                 : v.effect == effect_verdict::ask ? asked_
                                                   : denied_);
              return v;
            }};
  }

private:
  environment env_;
  std::uint64_t allowed_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t denied_ = 0;
};

} // namespace

autonomy level_of(const autonomy_table& levels, const std::string& agent,
                  const std::string& tool) {
  for (const auto& key : {agent + " " + tool, agent + " *", "* " + tool, std::string("* *")}) {
    if (const auto it = levels.find(key); it != levels.end()) {
      return it->second;
    }
  }
  return autonomy::shadow;
}

gate_handle start(caf::actor_system& system, environment env) {
  return system.spawn<gate>(std::move(env));
}

} // namespace crossdock::gate
