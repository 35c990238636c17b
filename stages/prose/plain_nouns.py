"""Plain nouns, and the literary or rarer ones that each can stand for."""

# plain noun: the nouns it replaces; see plain_verbs.py. A broader noun may stand for a rare one where what it leaves
# out says little: bird for whippoorwill, but not building for temple.
NOUNS = """
ability: capacity faculty
account: description explanation narration
act: action deed exploit feat
age: aeon antiquity eon epoch era
air: atmosphere ether
amount: quantity
anger: ire
animal: beast brute creature
answer: reply response retort solution
area: district locality neighborhood neighbourhood region vicinity zone
army: horde legion
artist: sculptor
awareness: consciousness
baby: babe infant
back: background rear
back of a ship: stern
bad dream: nightmare
bad luck: misfortune
bad name: notoriety
bad smell: fetor reek stench stink
bag: sack satchel valise
ball: globe orb sphere
bar: rod
base: basis foundation pedestal
beauty: charm loveliness
bed: bedstead couch
belly: abdomen paunch
big bell: gong
big boat: galley
big gun: cannon
big stone: boulder megalith monolith
bird: fowl ibis starling vulture whippoorwill
birth: nativity
black magic: sorcery witchcraft
block: slab
board: plank
bone of the head: skull
book: diary tome
book of maps: atlas
bottle: flagon flask phial vial
bottom of a ship: hull keel
box: casket chest coffer crate
box for the dead: coffin
boy: lad urchin
branch: bough
bright light: glare
brightness: brilliancy vividness
broken wall: ruin
building: edifice structure
burial: interment
burial ground: cemetery churchyard graveyard necropolis
burnt wood: charcoal
bush: shrub thicket
button: knob
call: summons
car: automobile cab motorcar taxi taxicab
care: caution
carved figure: statue statuette
carved work: carving sculpture
cause: factor
cave: cavern grotto
ceremony: rite ritual
chance: coincidence opportunity possibility
change: alteration transformation
child: youngster
close knowledge: familiarity
close look: inspection
cloth: fabric linen satin velvet
clothes: apparel attire clothing costume garb garment raiment
coast: seacoast shore
coat: cloak greatcoat mantle overcoat
cold: chill
color: hue tint
comment: remark
confusion: bafflement bewilderment chaos disorder perplexity puzzlement
copy: duplicate imitation replica
corner: nook
country: countryside nation
country man: peasant rustic
courage: bravery heroism valor
court: tribunal
covered walk: arcade cloister
crack: cleft cranny crevice fissure rift
crazy man: madman
crew: gang
crime: felony
criminal: felon gangster villain
crop: harvest
cry: groan howl moan sob whimper
cup: chalice goblet
custom: habit tradition
cut: incision
dark: blackness darkness gloom murk
daze: stupor
dead body: cadaver carcass corpse
deal: bargain
death: decease demise
decision: resolution
deep place: depth
design: pattern
devil: daemon demon fiend
difference: dissimilarity divergence
dining room: refectory
dirt: filth grime mire muck mud ooze slime
disaster: calamity cataclysm catastrophe tragedy
disease: affliction ailment illness malady morbidity plague sickness
dislike: disgust
distance: remoteness
ditch: moat trench
doctor: physician
dog: cur hound mastiff
door: doorway portal
door in the wall: gate gateway
doubt: hesitation misgiving skepticism suspicion uncertainty
dream: reverie vision
dress: frock gown robe
drink: beverage draught
drop: droplet
dry land: desert
early life: adolescence boyhood childhood youth
eating house: restaurant
edge: brim brink fringe margin periphery rim verge
edge of the sky: horizon
elder: patriarch
emptiness: desolation
end: cessation conclusion culmination destiny doom fate termination
endless space: infinity
endless time: eternity
enemy: adversary antagonist foe
entry: admittance
error: fallacy
event: episode incident occurrence phenomenon
evil: iniquity malevolence malice malignity wickedness
evil beast: monster
example: instance sample specimen
face: countenance physiognomy surface visage
fact: detail
faith: belief
fall: collapse
false idea: delusion illusion
family: household kin kindred lineage
family line: ancestry
farm building: barn
fear: alarm apprehension awe fright phobia timidity trepidation
feeling: emotion sensation sentiment
fellow worker: colleague
fever: ague
field: meadow pasture
fight: battle brawl combat conflict dispute quarrel strife struggle
find: discovery revelation
fire: blaze bonfire conflagration flame
first light: dawn daybreak
fishing boat: trawler
flat stone: tablet
flight of stairs: staircase stairway
flow: trickle
flower: blossom
fog: haze mist vapor vapour
follower: devotee disciple
food: nourishment sustenance victual
food shop: grocery
fool: dunce idiot simpleton
foolish belief: superstition
foot: paw
force: violence
form: contour figure outline shape
free time: leisure
freedom: independence liberty
friend: acquaintance companion comrade
friendship: companionship comradeship
front: facade façade
front of a ship: prow
front room: parlor parlour
front steps: stoop
fun: amusement merriment revelry
gap: chasm gulf
garden: orchard
ghost: apparition phantom specter spectre wraith
gift: boon
girl: damsel lass
goal: aim ambition objective purpose
god: deity divinity
good luck: blessing
good name: fame reputation
good smell: aroma fragrance perfume
grave: catacomb charnel crypt mausoleum sepulcher sepulchre tomb
great anger: fury rage wrath
great beauty: glory splendor splendour
great fear: consternation dread horror panic terror
great hill: mountain
great house: castle château mansion palace villa
great joy: bliss ecstasy exultation rapture
great number: profusion
great pain: agony anguish torment torture
great storm: hurricane tempest
grief: despair desperation woe
ground: sod soil turf
group: band cluster crowd mob multitude swarm throng
guard: sentinel sentry watchman
guess: conjecture hypothesis speculation surmise
guest: caller sightseer tourist visitor
gun: musket pistol revolver rifle
hallway: corridor lobby passage passageway vestibule
hand: fist
hate: abhorrence antipathy aversion detestation hatred loathing repugnance repulsion
head: brow cranium forehead
heart: bosom
heat: warmth
height: altitude stature
help: aid assistance succor
hiding place: lair
high plain: plateau
high point: climax
high wall: rampart
highest point: zenith
hill: hillside
hold: clutch grasp grip
hole: abyss aperture cavity hollow orifice pit
holiday: vacation
holy man: hermit monk priest
holy place: chapel sanctuary shrine temple
holy table: altar
home: abode den domicile dwelling habitation residence
hope: expectancy expectation
house: farmhouse
house for the mad: asylum madhouse
house of monks: abbey monastery priory
house worker: attendant butler domestic servant
hunger: appetite starvation
hurry: haste
hurt: injury
idea: concept conception consideration contemplation fancy impression notion reflection suggestion theory thought
image of a god: idol
increase: augmentation
inn: tavern
interest: fascination
island: isle islet
jaw: mandible
job: occupation profession task vocation
joke: jest
journey: pilgrimage
joy: delight exhilaration happiness mirth pleasure
keeper: curator custodian guardian
killer: assassin murderer slayer
killing: massacre murder slaughter slaying
kind: nature species type variety
king: monarch
knife: dagger
knowledge: erudition lore wisdom
lab: laboratory
lack: dearth scarcity
lack of food: famine
lack of interest: indifference
lack of knowledge: ignorance
lack of money: poverty
lack of rest: restlessness unrest
lack of sense: absurdity folly
lack of strength: debility frailty weakness
lake: lagoon tarn
land: estate realm
large church: cathedral
laugh: chuckle titter
laughing: laughter
law: statute
lawyer: attorney notary
layer: stratum
leader: chieftain guide ringleader
learning: scholarship
leaves: foliage frond
leaving: departure
leg: shank
letter: epistle missive
letter writing: correspondence
life: existence lifetime
light: beam flash flashlight gleam glimmer glow illumination lamp lantern luminescence luminosity phosphorescence
light: radiance ray searchlight torch
light of day: daylight
light of the moon: moonbeam moonlight
light of the sun: sunlight sunshine
likeness: resemblance
limit: boundary confines
line: thread
liquid: fluid
list: catalogue inventory
living thing: being
loneliness: solitude
long chair: divan sofa
long cut: gash
long look: gaze stare
long robe: cassock
long seat: bench
long walk: hike tramp trek
look: appearance aspect expression
look back: retrospect
looking glass: mirror
loss: deprivation
loud cry: scream shriek
loud noise: clamor clamour din racket uproar
loud sound: blast peal
love: affection
low land: bog fen marsh morass swamp
low voice: whisper
lowest part: bottom
luck: fortune
machine: apparatus contrivance engine
madness: delirium frenzy hysteria insanity lunacy mania
maid: handmaid
man: chap fellow gentleman mortal
man in prison: captive convict prisoner
man of magic: magician sorcerer wizard
man of science: anthropologist archaeologist ethnologist geologist scientist
man of the sea: mariner seaman
man who drinks: drunkard
man without money: beggar pauper
map: chart
mark of the foot: footprint
market: bazaar marketplace
marriage: wedlock
matter: affair subject substance theme topic
maze: labyrinth
meal: banquet feast repast
meeting: assembly congress encounter
meeting place: rendezvous
member: adherent
member of the family: kinsman relative
memory: recollection remembrance reminiscence
mess: jumble tangle
metal: iron tin
midday: noon noontide
middle: center centre midst
middle of the night: midnight
mind: brain imagination intellect intelligence
mistake: blunder lapse
moment: instant
money: currency wealth
mouth: maw
move: gesture motion movement
moving stairs: escalator
music: melody
narrow road: lane
natural feeling: instinct
neck: throat
need: necessity
news: gossip tidings
news writer: journalist reporter
night: nighttime
nightfall: dusk twilight
nonsense: gibberish
oath: vow
officer: constable policeman
old man: greybeard
old stories: folklore
old story: legend myth
old thing: relic
old woman: crone hag
open space: clearing
order: arrangement command
outbreak: epidemic
owner: innkeeper landlady landlord proprietor
pain: ache pang suffering
paper: document manuscript newspaper parchment
part: element portion segment
part of town: suburb
past: history
paved road: pavement
pay: salary wage
peace: serenity tranquility tranquillity
people: folk mankind populace
person: individual personage
person from abroad: foreigner
phone: telephone
photo: photograph
picture: painting portrait
picture writing: hieroglyphic hieroglyphics
piece: bit
pile: heap
place: location site spot
place for a fire: fireplace hearth
place to hide: hideout refuge
place to sleep: dormitory lodging
plan: intention scheme
plant life: vegetation
point: tip
port: harbor harbour haven seaport
post: column pillar
pot: cauldron kettle
power: authority influence intensity might potency strength vigor vigour
present: nonce
price: expense
pride: conceit vanity
prison: dungeon gaol jail
problem: dilemma
proof: confirmation evidence
quality: attribute characteristic peculiarity trait
question: inquiry query
quick look: glance glimpse
quiet: calmness hush silence stillness
rain: drizzle
raised floor: dais platform
rank: grade
rate: frequency
reason: logic motive sanity
regret: contrition remorse
remains: remnant vestige
report: chronicle
request: petition
respect: admiration reverence
rest: repose
result: consequence effect outcome
revenge: vengeance
rich man: millionaire
ridge: ledge reef
right: prerogative
ring: circle circuit
rise: elevation
risk: danger hazard peril
river: tributary
road: alley avenue causeway highway roadway street thoroughfare
rock: basalt granite limestone marble pebble stone
room: apartment chamber hall
room for washing: bathroom
rope: cord
rot: decay putrefaction
round roof: cupola dome
row of columns: colonnade
rule: principle
sad cry: wail
sadness: melancholy sorrow
sailor: tar
saying: adage maxim proverb
screen: curtain
sea: ocean
sea bird: gull
search: exploration quest
seat: chair throne
secret: enigma mystery riddle
sense: meaning significance
series: sequence succession
set: collection
set of beliefs: creed doctrine
set of bones: skeleton
set of rooms: suite
set of steps: ladder
shade: shadow silhouette
shake: quiver shiver shudder tremor
shame: disgrace embarrassment
sharp cry: yelp
sharp nail: claw talon
sharp point: spike
sheet of glass: pane
ship: freighter steamer steamship vessel yacht
shooting star: aerolite meteor meteorite
short sleep: nap
shot: gunshot
shovel: spade
show: display exhibition
sick person: invalid patient
side: declivity flank slope
side of the road: sidewalk
sign: hint omen signal symbol trace
size: bulk diameter dimension extent magnitude
skill: craft workmanship
skin: hide
sky: firmament heaven heavens
slave: bondman
sleep: slumber
sleeping room: bedroom
small bag: pouch
small bed: cot cradle
small boat: rowboat skiff
small book: booklet pamphlet
small child: toddler
small hill: hillock hummock knoll mound
small house: cabin cottage hovel hut
small knife: penknife
small light: candle taper
small part: fraction
small piece: fragment scrap splinter
small room: alcove cell closet
small ship: boat canoe dory
small stream: brook rill rivulet
small town: hamlet village
small valley: dale glen gully ravine
small wave: ripple
smell: odor odour scent
smoke: fume fumes
snake: serpent viper
snow: blizzard
soldier: trooper
song: ballad chant
sound: clatter creak echo hubbub noise rattle rumble splash tumult
source: fountainhead origin
space: expanse void
speed: rapidity swiftness velocity
spider web: cobweb
spirit: psyche soul
square: quadrangle
stage: phase
start: beginning
state: circumstance condition
state of mind: mood
stay: sojourn
steep rock: cliff crag precipice
step: footfall footstep pace stair
stick: cane
stone coffin: sarcophagus
stop: halt pause
store: boutique repository shop
storm: gale thunderstorm
story: anecdote fable narrative rumor rumour tale
strange thing: abnormality oddity
strangeness: eccentricity
stream: creek
strong drink: liquor whiskey whisky
strong feeling: passion thrill
strong will: determination
strong wish: craving eagerness yearning
student: pupil scholar
study: analysis examination investigation research scrutiny
style of building: architecture
support: prop
surprise: amazement astonishment shock
sweat: perspiration
talk: chatter conversation dialogue discourse speech
teacher: governess professor schoolmaster schoolmistress tutor
test: experiment ordeal trial
thanks: gratitude
thick stick: club cudgel
thief: burglar robber
thin layer: coating
thin line: streak
thing: entity item object
thing in the way: obstacle
thinking: philosophy
threat: menace
tie: connection link
time: interval
tiredness: exhaustion fatigue weariness
tool: device implement instrument
top: apex crest peak pinnacle summit
top floor: attic garret
top of the head: scalp
top of the room: ceiling
touch: contact
tower: spire steeple turret
town: borough
townspeople: villager
train: locomotive
travel: migration
traveler: passenger
treasure: hoard
tree: elm sapling willow
trick: hoax ruse stratagem
trip: errand excursion expedition visit voyage
trouble: difficulty
trust: confidence
truth: reality veracity
try: attempt effort endeavor endeavour
tunnel: burrow
turn: bend
turning point: crisis
ugliness: grotesqueness hideousness
ugly thing: monstrosity
underground room: basement cellar vault
understanding: comprehension realization
urge: impulse
use: utility
valley: gorge vale
value: importance merit
victory: triumph
view: landscape observation opinion panorama prospect scene scenery sight spectacle vista
voice: tone
wait: delay
walk: gait promenade stroll
wall: masonry
war: warfare
wave: billow
way: demeanor fashion manner method mode path pathway route technique track trail
way down: descent
way in: entrance
way of speaking: accent dialect
way out: exit
way up: ascent
weather: climate
weight: burden
wild cat: panther
wind: breeze gust zephyr
window: casement
winner: victor
wish: desire longing
wish to know: curiosity
witness: bystander onlooker spectator watcher
woman: dame lady wench
woman of magic: witch
woman of the house: housewife
wonder: marvel prodigy
wood: forest grove lumber timber woodland
work: labor labour toil
work of art: masterpiece
worker: laborer labourer workman
workroom: studio
world: civilization cosmos planet universe
worry: agitation anxiety disquiet uneasiness
wound: sore
writer: author
writing: inscription script
writing table: desk
written account: record
wrong act: misdeed sin
yard: courtyard
young cat: kitten
young woman: maiden
zero: naught
"""
