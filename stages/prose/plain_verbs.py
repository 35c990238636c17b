"""Plain verbs, and the literary ones that each can stand for."""

# plain verb: the verbs it replaces. A plain one is never replaced, so that a second pass changes nothing. A literary
# verb stands here only if the plain one fits almost wherever it does; what it needs around it is said in frames.py.
VERBS = """
act: behave
add to: augment
admit: acknowledge confess
agree: assent concur consent
allow: permit
anger: enrage exasperate infuriate irritate provoke
answer: rejoin reply respond retort
appear: seem
ask: beseech enquire entreat implore inquire interrogate invite question
ask for: demand request
attack: assail beset
avoid: elude evade shun
bar: barricade block obstruct
bark: bay
be: exist
bear out: attest confirm corroborate verify
beat: conquer defeat knock overcome vanquish
become: wax
beg: plead
bend: distort warp
blacken: char
blame: rebuke reproach
blind: dazzle
boast: brag
boil: bubble seethe
bother: annoy molest pester
bow: stoop
break: burst shatter smash
break off: snap
breathe: gasp pant
bring: fetch
bring about: engender
bring back: restore
bring in: introduce
bring out: produce
bring to mind: suggest
bring together: accumulate amass collect gather
bring up: rear
build: construct erect
burn: blaze scorch sear
buy: purchase
call: invoke summon
call up: conjure evoke
calm: pacify soothe
care for: cherish
carry out: execute
cause: inflict occasion
change: alter modify transform transmute vary
charm: captivate enchant fascinate
choke: stifle strangle
choose: select
claim: allege assert profess
clean: cleanse scour
close: shut
come: arrive occur
come after: succeed
come before: precede
come near: approach
come out: emanate emerge issue
come to: total
come up: arise
confuse: baffle bewilder perplex puzzle
copy: duplicate imitate reproduce
cover: cloak coat drape engulf envelop overspread shroud strew swathe veil wrap
creep: crawl slink
crowd: huddle swarm throng
crush: squash
cry: groan howl moan sob wail weep whimper whine
cry out: scream screech shriek yell
cut: carve dissect divide hew sever
damage: impair mar
deal with: handle
decide: resolve
decorate: adorn
destroy: annihilate demolish ravage ruin wreck
die: expire perish
dig: burrow delve excavate
dig up: unearth
do: accomplish commit perform perpetrate
do well: flourish prosper thrive
dress: array attire clad clothe
drink: imbibe quaff
drive away: dispel repel
dry up: wither
eat: consume devour swallow
end: complete conclude finish terminate
enjoy: relish
expect: anticipate
face: confront
faint: swoon
fall: drop plunge topple tumble
fall apart: crumble
fall down: collapse
fear: dread
feed: nourish
feel: experience grope
fight: battle quarrel resist struggle
fill: infest permeate pervade saturate
find: detect discover locate
find out: ascertain determine learn
fix: mend remedy repair
fly: flit flutter soar
follow: ensue trace
forgive: pardon
free: liberate release
get: acquire derive gain induce obtain procure receive
get away: escape
get back: recover regain
get better: improve
get less: diminish dwindle
get to: attain reach
give: assign bestow confer deliver devote grant hand impart lend supply utter yield
give a meaning to: interpret
give in: succumb
give off: emit exude
give out: distribute
give up: relinquish sacrifice surrender
go: journey ride travel
go across: cross traverse
go after: chase pursue
go around: circle
go back: recede retreat return revert
go back to: resume
go beyond: exceed surpass transcend
go by: elapse pass
go by ship: sail
go down: abate descend sink subside
go into: enter
go on: continue proceed
go on board: board
go out of sight: disappear vanish
go over: study
go through: penetrate pierce suffer undergo
go to: attend
go up: ascend clamber climb mount rise scale scramble
go with: accompany
grab: seize snatch
grow: cultivate develop heighten increase intensify magnify
guess: conjecture estimate speculate surmise suspect
hang: dangle droop suspend
happen: chance transpire
happen to: befall
hate: abhor despise detest dislike loathe scorn
have: possess
have no: lack
help: aid assist enable encourage
hide: conceal disguise lurk skulk
hit: lash pound smite strike
hold: cling clutch contain embrace grasp grip sustain
hold back: restrain suppress
hurry: hasten
hurt: harm injure torment torture
ignore: disregard neglect
join: attach combine connect unite
jump: leap spring
keep: maintain retain
keep out: exclude
keep safe: guard preserve protect shelter
kill: murder slaughter slay
know: realise realize recognise recognize
last: endure persist
lead: conduct guide prompt
leave: abandon depart forsake quit
leave out: omit
let on: hint intimate
lie: recline sprawl
light: illuminate illumine kindle
like: admire
limit: confine restrict
live: dwell reside
live in: inhabit occupy
live through: survive
lock up: imprison
long: yearn
look: gape gaze glance glare leer peep peer stare
look at: contemplate examine scrutinize watch
look for: seek
look into: analyse analyze investigate
look like: resemble
look over: inspect scan survey
make: compel compose constrain create effect fabricate fashion force form render shape
make bigger: enlarge
make clear: explain
make cold: chill
make dark: darken obscure
make fun of: mock ridicule taunt
make known: announce disclose
make out: distinguish
make ready: prepare
make sick: disgust nauseate sicken
make sure: ensure secure
make up: invent
make weak: weaken
make worse: aggravate
manage: contrive
mark: stain
match: correspond
mean: denote imply signify
meet: assemble congregate encounter
melt: dissolve
mix: blend mingle
move: budge drift float shift stir
move on: advance
name: appoint denominate designate identify
need: require
open: unfold unlock
order: command
pack: cram
phone: telephone
plan: intend
please: amuse delight gratify satisfy
point out: specify
pray: supplicate
pray to: worship
press: squeeze
print: publish
pull: drag draw haul tug wrench
pull back: recoil shrink withdraw
push: impel nudge propel shove thrust urge
put: deposit lay place
put down: ascribe attribute
put forward: propose
put in: insert
put off: defer postpone
put out: extinguish quench
put under ground: bury
raise: elevate hoist lift
read: peruse
refer: allude
refuse: decline
regret: lament repent
reject: spurn
remember: recall recollect
rest: repose
rot: decay moulder
rule: govern reign
run: dart flee flow race rush scamper stream
save: rescue
say: affirm argue aver declare ejaculate exclaim insist proclaim remark state testify whisper
say no to: deny
scare: affright alarm appal appall daunt frighten horrify shock terrify
scold: chide
scratch: claw
search: explore hunt ransack rummage
see: behold descry discern espy glimpse note notice observe perceive regard spy view visit witness
send: despatch dispatch transmit
send away: banish dismiss expel
set: adjust
set apart: isolate separate
set on fire: ignite
set out: arrange
set up: establish
shake: agitate quake quaver quiver rattle shiver shudder totter tremble vibrate waver
shine: flash gleam glimmer glisten glitter glow shimmer sparkle twinkle
shout: bellow roar
show: betray demonstrate depict display evince exhibit expose illustrate indicate manifest portray present represent
show: reveal uncover unveil
sing: chant
sit: crouch perch seat squat
sleep: doze slumber
slide: glide slip slither
slow: slacken
smell: sniff
smile: grin
sort: classify
speak of: mention
spin: reel swirl whirl
spit: expectorate
spread: diffuse disperse expand scatter
stand: loom
start: begin commence embark originate
stay: abide linger remain sojourn tarry
steal: pilfer
stick: adhere
stick out: bulge protrude
stir up: excite
stop: arrest cease halt hinder interrupt pause prevent
stretch: extend
surprise: amaze astonish astound startle
surround: encircle enclose hem
swear: curse pledge vow
swing: sway
take: accept carry convey pick transport
take away: deprive remove
take care of: tend
take in: absorb
take off: detach
take on: assume
take part: participate
take place: recur
take up: adopt
talk: babble chat converse discourse gibber rave speak
talk about: discuss
talk low: mumble murmur mutter
talk to: address
teach: educate instruct
tear: rend
tell: advise apprise assure inform narrate recount relate warn
tell of: describe
thank: bless
think: believe conceive consider deem fancy meditate muse presume reckon reflect suppose
think about: ponder
think of: envisage imagine picture visualize
throw: cast fling hurl toss
throw out: eject
tie: bind fasten
tie up: tether
touch: affect
trick: deceive
trip: stumble
trouble: afflict distress disturb harass perturb vex
trust: rely
try: attempt endeavor endeavour strive venture
turn: coil revolve roll rotate twist wriggle writhe
turn away: avert
turn out: prove
turn pale: blanch pale
turn red: blush
turn to: consult
understand: comprehend
use: apply employ exert utilise utilize
wait: loiter
wait for: await
wake: arouse awake awaken rouse
walk: plod prowl ramble roam rove stagger stalk stray stride stroll tread trudge wander
want: crave desire wish
wash: bathe
wave: beckon motion
wear out: exhaust
wonder: marvel
work: labor labour operate toil
work out: calculate solve
write: inscribe scrawl scribble
write down: record
"""
