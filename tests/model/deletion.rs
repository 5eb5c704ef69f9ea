//! Deletions: users, caches, the API server and Kore against the operator's `decide`.

use stateright::{Model, Property};

use crate::shell::{self, COUNTED, Effect, Fate, LEFT_ALONE, LIVE, NO_EVIDENCE};
use crate::world::*;

/// Most effects that a deletion takes once nothing is in its way.
const ENOUGH: usize = 400;

/// What is explored.
pub struct Deletions {
    /// How many of the names have objects that are touched.
    pub names: usize,
    pub instances: usize,
    pub may: Budget,
    /// Nothing is looked at that is later.
    pub until: Second,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Delete(usize),
    Recreate(usize),
    ChangePolicy(usize),
    Strip(usize),
    /// The app loses its access, or is given it back.
    Mask,
    /// The cache of an instance shows the next state of a name.
    View(usize, usize),
    /// It shows the one before.
    Back(usize, usize),
    Step(usize, usize, Fate),
    Crash(usize),
    /// A status arrives that was sent earlier.
    Arrive,
    /// Time passes until the next instance has something to do.
    Sleep,
}

impl Model for Deletions {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.instances, self.may)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        checked();
        if world.broken.is_some() {
            return;
        }
        let may = &world.may;
        for name in 0..self.names {
            match world.stored(name) {
                Some(stored) => {
                    if stored.deleted_at.is_none() {
                        actions.push(Action::Delete(name));
                    }
                    actions.extend((may.policies > 0).then_some(Action::ChangePolicy(name)));
                    actions.extend((may.strips > 0 && stored.finalizer).then_some(Action::Strip(name)));
                }
                None if may.recreations > 0 && !world.names[name].next_uid.is_multiple_of(LIVES) => {
                    actions.push(Action::Recreate(name));
                }
                None => {}
            }
        }
        actions.extend((may.masks > 0).then_some(Action::Mask));
        for (instance, state) in world.instances.iter().enumerate() {
            for name in 0..self.names {
                let (versions, view) = (&world.names[name], state.known[name].view);
                actions.extend((view < versions.newest).then_some(Action::View(instance, name)));
                actions.extend((may.backs > 0 && view > 0).then_some(Action::Back(instance, name)));
                if shell::is_due(world, instance, name) {
                    let (_, effect) = shell::next(world, instance, name);
                    let fates = effect.fates().iter().take(if may.faults > 0 { usize::MAX } else { 1 });
                    actions.extend(fates.map(|fate| Action::Step(instance, name, *fate)));
                }
            }
            actions.extend((may.crashes > 0).then_some(Action::Crash(instance)));
        }
        actions.extend(world.late.as_ref().map(|_| Action::Arrive));
        actions.extend(next_wake(world).map(|_| Action::Sleep));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        apply(&mut world, action);
        world.late.take_if(|late| world.names[late.name].newest != late.version);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(NO_EVIDENCE, |_, world: &World| world.broken != Some(NO_EVIDENCE)),
            Property::always(LIVE, |_, world: &World| {
                world.broken != Some(LIVE) && the_living_have_their_campaign(world)
            }),
            Property::always(LEFT_ALONE, |_, world: &World| world.broken != Some(LEFT_ALONE)),
            Property::always(COUNTED, |_, world: &World| world.broken != Some(COUNTED)),
            Property::always("no permanent wait, and no harm, while Kore is healthy", |_, world: &World| {
                comes_to_an_end(world)
            }),
        ];
        // Otherwise nothing was shown.
        properties.push(Property::sometimes("Deleted is reached", |_, world: &World| {
            world.outcomes.contains("Deleted")
        }));
        if self.may.policies > 0 {
            properties.push(Property::sometimes("Orphaned is reached", |_, world: &World| {
                world.outcomes.contains("Orphaned")
            }));
        }
        if self.names == 1 && self.instances == 1 {
            properties.push(Property::sometimes("Absent is reached", |_, world: &World| {
                world.outcomes.contains("Absent")
            }));
        }
        properties
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.now <= self.until
    }
}

fn apply(world: &mut World, action: Action) {
    let now = world.now;
    match action {
        Action::Delete(name) => change(world, name, |stored| stored.deleted_at = Some(now)),
        Action::ChangePolicy(name) => {
            world.may.policies -= 1;
            change(world, name, |stored| (stored.orphan, stored.policy_since) = (!stored.orphan, now));
        }
        Action::Strip(name) => {
            world.may.strips -= 1;
            change(world, name, |stored| stored.finalizer = false);
        }
        Action::Mask => {
            world.may.masks -= 1;
            world.masked = !world.masked;
        }
        Action::Recreate(name) => {
            world.may.recreations -= 1;
            let versions = &mut world.names[name];
            let uid = versions.next_uid;
            versions.next_uid += 1;
            let (orphan, policy_since, deleted_at) = (false, now, None);
            let status = Status::default();
            versions.push(Some(Stored { uid, orphan, policy_since, deleted_at, finalizer: true, status }));
        }
        Action::View(instance, name) => {
            let view = world.instances[instance].known[name].view;
            show(world, instance, name, view + 1);
        }
        Action::Back(instance, name) => {
            world.may.backs -= 1;
            let view = world.instances[instance].known[name].view;
            show(world, instance, name, view - 1);
        }
        Action::Step(instance, name, fate) => {
            let (pass, effect) = shell::next(world, instance, name);
            if fate != Fate::Done {
                world.may.faults -= 1;
            }
            let living = pass.as_ref().is_some_and(|pass| pass.object.deleted_at.is_none());
            if living && matches!(effect, Effect::Get | Effect::List | Effect::Record(_)) {
                // Observation of the living is not in the model.
                world.instances[instance].known[name].rest = Some(Second::MAX);
            } else {
                shell::act(world, instance, pass, name, effect, fate);
            }
        }
        Action::Crash(instance) => {
            world.may.crashes -= 1;
            let views = [0, 1].map(|name| Known { view: world.names[name].newest, ..Known::default() });
            world.instances[instance] = Instance { known: views, pass: None };
        }
        Action::Arrive => {
            let Some(Late { name, status, version: _ }) = world.late.take() else { return };
            change(world, name, |stored| stored.status = status);
        }
        Action::Sleep => world.now = next_wake(world).unwrap_or(now),
    }
}

/// A user changes what is stored.
fn change(world: &mut World, name: usize, change: impl FnOnce(&mut Stored)) {
    let Some(mut stored) = world.stored(name).cloned() else { return };
    change(&mut stored);
    let gone = stored.deleted_at.is_some() && !stored.finalizer;
    world.names[name].push((!gone).then_some(stored));
}

/// The watch shows a state; what was known of another object is forgotten.
fn show(world: &mut World, instance: usize, name: usize, view: u16) {
    let uid = |stored: Option<&Stored>| stored.map(|stored| stored.uid);
    let (before, after) = (uid(world.viewed(instance, name)), uid(world.names[name].at(view)));
    let known = &mut world.instances[instance].known[name];
    if before != after {
        *known = Known::default();
    }
    if known.written.as_ref().is_some_and(|(version, _)| view >= *version) {
        known.written = None;
    }
    (known.view, known.rest) = (view, None);
}

fn next_wake(world: &World) -> Option<Second> {
    let rests = world.instances.iter().flat_map(|instance| &instance.known).filter_map(|known| known.rest);
    rests.filter(|rest| *rest > world.now && *rest < Second::MAX).min()
}

/// No other campaign than one whose object was deleted is deleted.
fn the_living_have_their_campaign(world: &World) -> bool {
    (0..NAMES)
        .filter_map(|name| world.stored(name))
        .filter(|stored| stored.deleted_at.is_none())
        .all(|stored| world.in_kore[usize::from(stored.uid)])
}

/// From here on nothing goes wrong any more: each deletion comes to its end, and nothing is broken meanwhile.
fn comes_to_an_end(world: &World) -> bool {
    if world.broken.is_some() {
        // Another property says so.
        return true;
    }
    let mut world = world.clone();
    world.masked = false;
    for _ in 0..ENOUGH {
        let waits =
            |name| world.stored(name).is_some_and(|stored| stored.deleted_at.is_some() && stored.finalizer);
        if world.broken.is_some() {
            return false;
        }
        if !(0..NAMES).any(waits) {
            return the_living_have_their_campaign(&world);
        }
        let all =
            || (0..world.instances.len()).flat_map(|instance| (0..NAMES).map(move |name| (instance, name)));
        let late = all().find(|(instance, name)| {
            world.instances[*instance].known[*name].view < world.names[*name].newest
        });
        let due = || all().find(|(instance, name)| shell::is_due(&world, *instance, *name));
        let action = match late {
            Some((instance, name)) => Action::View(instance, name),
            None => due().map_or(Action::Sleep, |(instance, name)| Action::Step(instance, name, Fate::Done)),
        };
        if action == Action::Sleep && next_wake(&world).is_none() {
            return false;
        }
        apply(&mut world, action);
    }
    false
}
